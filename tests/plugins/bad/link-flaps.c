/* SPDX-License-Identifier: MIT
 * Loses its link every now and then, for no reason. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    static unsigned count;
    int status = base_run(instance, work);
    if (++count % 5000 == 0) {
        instance->host->link(instance->host->self, WSHUB_LINK_RESUBSCRIBED, NULL);
    }
    return status;
}

BAD(ways.run = run)
