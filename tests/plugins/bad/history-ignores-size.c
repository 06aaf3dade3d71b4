/* SPDX-License-Identifier: MIT
 * Its history never forgets. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    if (work->message.history_size > 0) {
        work->message.history_size = 1000000;
    }
    work->query.size = 1000000;
    return base_run(instance, work);
}

BAD(ways.run = run)
