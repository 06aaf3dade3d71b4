/* SPDX-License-Identifier: MIT
 * Decides with what is no status. */
#include "base.h"

static void complete(struct instance *instance, struct work *work, int status) {
    base_complete(instance, work, status == WSHUB_DENIED ? 1 : status);
}

BAD(ways.complete = complete)
