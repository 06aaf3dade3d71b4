/* SPDX-License-Identifier: MIT
 * Remembers a key for half of its time. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    work->message.key_ttl /= 2;
    return base_run(instance, work);
}

BAD(ways.run = run)
