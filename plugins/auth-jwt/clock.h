/* SPDX-License-Identifier: MIT */
#ifndef JWT_CLOCK_H
#define JWT_CLOCK_H

#include <stdint.h>
#include <time.h>

/* ms on the clock that nobody sets. */
static inline uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ms since 1970. */
static inline uint64_t clock_wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
