/* SPDX-License-Identifier: MIT
 * Remembers the first 32 bytes of a key. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    if (work->message.key.length > 32) {
        work->message.key.length = 32;
    }
    return base_run(instance, work);
}

BAD(ways.run = run)
