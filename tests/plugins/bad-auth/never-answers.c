/* SPDX-License-Identifier: MIT
 * Never decides about whom it does not know. */
#include "base.h"

static void complete(struct instance *instance, struct work *work, int status) {
    if (status != WSHUB_DENIED) {
        base_complete(instance, work, status);
    }
}

BAD(ways.complete = complete)
