/* SPDX-License-Identifier: MIT
 * Lets anyone stay who was in. */
#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    int status = base_decide(instance, work);
    if (work->slot == REFRESH && status == WSHUB_DENIED) {
        return base_identify(instance, work, table_next(instance, NULL));
    }
    return status;
}

BAD(ways.decide = decide)
