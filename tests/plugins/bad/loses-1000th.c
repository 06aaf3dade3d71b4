/* SPDX-License-Identifier: MIT
 * Tells of a loss now and then, and loses nothing. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    static unsigned count;
    int status = base_run(instance, work);
    if (++count % 1000 == 0) {
        instance->host->lose(instance->host->self, work->message.channel);
    }
    return status;
}

BAD(ways.run = run)
