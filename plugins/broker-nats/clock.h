/* SPDX-License-Identifier: MIT
 * Milliseconds of a clock that nobody sets. */
#ifndef NATS_CLOCK_H
#define NATS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
