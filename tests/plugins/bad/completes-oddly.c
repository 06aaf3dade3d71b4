/* SPDX-License-Identifier: MIT
 * Completes with a status that does not exist. */
#include "base.h"

static void complete(struct instance *instance, struct work *work, int status) {
    base_complete(instance, work, status == WSHUB_OK && work->verb == SUBSCRIBE ? 1 : status);
}

BAD(ways.complete = complete)
