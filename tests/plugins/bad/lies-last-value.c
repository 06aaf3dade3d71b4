/* SPDX-License-Identifier: MIT
 * Claims last values, and keeps none. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    work->message.flags = 0;
    return base_run(instance, work);
}

BAD(ways.run = run)
