/* SPDX-License-Identifier: MIT
 * Claims a history, and has none. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    work->message.history_size = 0;
    return base_run(instance, work);
}

BAD(ways.run = run)
