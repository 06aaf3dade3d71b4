/* SPDX-License-Identifier: MIT
 * Milliseconds that only go forward. */
#ifndef AUTH_HTTP_CLOCK_H
#define AUTH_HTTP_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
