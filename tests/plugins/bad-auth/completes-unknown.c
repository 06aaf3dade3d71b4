/* SPDX-License-Identifier: MIT
 * Decides about what nobody has asked for. */
#include "base.h"

static void complete(struct instance *instance, struct work *work, int status) {
    base_complete(instance, work, status);
    instance->host->complete(instance->host->self, work->token + 1000000, WSHUB_OK);
}

BAD(ways.complete = complete)
