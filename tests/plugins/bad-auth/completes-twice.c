/* SPDX-License-Identifier: MIT
 * Decides twice. */
#include "base.h"

static void complete(struct instance *instance, struct work *work, int status) {
    base_complete(instance, work, status);
    base_complete(instance, work, WSHUB_DENIED);
}

BAD(ways.complete = complete)
