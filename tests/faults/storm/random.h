// SPDX-License-Identifier: MIT
// All that is drawn comes from the seed: splitmix64. The plan has a stream of its own, so that the order in
// which answers come changes nothing in it.
#pragma once

#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random) {
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t random_below(struct random *random, uint64_t bound) { // 0 when bound is 0
    return bound ? random_next(random) % bound : 0;
}

static inline uint64_t random_between(struct random *random, uint64_t low, uint64_t high) {
    return low + random_below(random, high - low + 1);
}
