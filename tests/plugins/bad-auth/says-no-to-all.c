/* SPDX-License-Identifier: MIT
 * Lets nobody in. */
#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    int status = base_decide(instance, work);
    return status == WSHUB_OK ? WSHUB_UNAVAILABLE : status;
}

BAD(ways.decide = decide)
