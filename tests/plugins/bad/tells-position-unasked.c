/* SPDX-License-Identifier: MIT
 * Tells a position of what has no history too. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    if (work->verb == PUBLISH && work->message.history_size == 0) {
        base_positioned(instance, work, base_bytes("none"), 0, 1);
    }
    return base_run(instance, work);
}

BAD(ways.run = run)
