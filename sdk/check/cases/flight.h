// SPDX-License-Identifier: MIT
// Many requests at once: started one behind the other, finished in the order of their start.
#pragma once

#include "auth/ask.h"

struct flight_call {
    peer_call call;
    const struct inquiry *inquiry;
};
struct flight { // zeroed: empty
    struct flight_call *items;
    size_t count, size;
};

void flight_start(struct flight *flight, struct peer *peer, const struct inquiry *inquiry);
// Waits for all, and expects of each what guard_expect does. NULL: expects nothing.
void flight_land(struct flight *flight, struct peer *peer, const char *when);
// Forgets them: their peer is no more.
void flight_free(struct flight *flight);
