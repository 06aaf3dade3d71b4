/* SPDX-License-Identifier: MIT
 * Forgets to tell the broker that a channel is not wanted any more. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    return work->verb == UNSUBSCRIBE ? WSHUB_OK : base_run(instance, work);
}

BAD(ways.run = run)
