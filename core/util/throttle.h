// SPDX-License-Identifier: MIT
// Keeps a flood of equal events from becoming a flood of log lines: the first THROTTLE_LINES of a second are
// told, of the others how many there were. Belongs to one thread; `now` is in ms.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { THROTTLE_LINES = 10, THROTTLE_PERIOD_MS = 1000 };

struct throttle { // zeroed: ready
    uint64_t since;
    uint64_t told, untold; // since then
};

// Is this one to be told?
static inline bool throttle_pass(struct throttle *throttle, uint64_t now) {
    if (throttle->untold == 0 && now - throttle->since >= THROTTLE_PERIOD_MS) {
        *throttle = (struct throttle){.since = now};
    }
    if (throttle->told == THROTTLE_LINES) {
        throttle->untold++;
        return false;
    }
    throttle->told++;
    return true;
}

// How many were not told, once their second is over; 0: none, or not yet. To be called some times a second.
static inline uint64_t throttle_settle(struct throttle *throttle, uint64_t now) {
    uint64_t untold = now - throttle->since >= THROTTLE_PERIOD_MS ? throttle->untold : 0;
    if (untold > 0) {
        *throttle = (struct throttle){.since = now};
    }
    return untold;
}
