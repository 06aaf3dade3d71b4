/* SPDX-License-Identifier: MIT
 * Claims to honour keys, and takes every message. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    work->message.key.length = 0;
    return base_run(instance, work);
}

BAD(ways.run = run)
