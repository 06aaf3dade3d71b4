/* SPDX-License-Identifier: MIT
 * An entry that is set again keeps the time that it had at first. */
#include "base.h"

static uint64_t first;

static int run(struct instance *instance, struct work *work) {
    if (work->verb == SET || work->verb == HEARTBEAT) {
        uint64_t now = base_now();
        first = first <= now ? now + work->ttl : first;
        work->ttl = first - now;
    }
    return base_run(instance, work);
}

BAD(ways.run = run)
