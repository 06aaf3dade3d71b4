// SPDX-License-Identifier: MIT
#include "cases/flight.h"

#include <stdlib.h>

#include "cases/guard.h"

void flight_start(struct flight *flight, struct peer *peer, const struct inquiry *inquiry) {
    if (flight->count == flight->size) {
        size_t size = flight->size ? flight->size * 2 : 64;
        struct flight_call *items = realloc(flight->items, size * sizeof *items);
        if (!items) {
            check_fail(peer_check(peer), "the kit has no memory left");
        }
        flight->items = items;
        flight->size = size;
    }
    flight->items[flight->count++] = (struct flight_call){ask_start(peer, inquiry), inquiry};
}

void flight_land(struct flight *flight, struct peer *peer, const char *when) {
    for (size_t i = 0; i < flight->count; i++) {
        const struct flight_call *each = &flight->items[i];
        struct answer answer = ask_finish(peer, each->call, each->inquiry);
        if (when) {
            guard_expect(peer_check(peer), each->inquiry, &answer, when);
        }
        answer_free(&answer);
    }
    flight_free(flight);
}

void flight_free(struct flight *flight) {
    free(flight->items);
    *flight = (struct flight){0};
}
