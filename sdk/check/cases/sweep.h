// SPDX-License-Identifier: MIT
// One allocation of the plugin fails, the first, the second, and so on through all that an operation makes.
// Only allocations on the hub thread do: which one is the nth is chance among threads.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/peer.h"

struct sweep {
    struct check *check;
    const char *what;    // "open", ...
    struct peer *peer;   // NULL: each round opens its own
    uint64_t nth, total; // the allocation that fails, of so many; 0: none does, they are counted
    unsigned round;
    bool armed;
    bool keeps; // what an act makes is there for longer: that more is there after it says nothing
    // Does it once, armed from where allocations count to where they do not any more.
    void (*act)(struct sweep *sweep);
    void (*duty)(struct sweep *sweep); // after each round, with `peer`: it works as before
    const void *context;               // of both
    char when[112];                    // for messages
};

void sweep_arm(struct sweep *sweep);
void sweep_disarm(struct sweep *sweep);
void sweep_run(struct sweep *sweep);
