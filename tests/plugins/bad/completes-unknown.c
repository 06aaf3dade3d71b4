/* SPDX-License-Identifier: MIT
 * Completes a token that nobody has given to it. */
#include "base.h"

static void complete(struct instance *instance, struct work *work, int status) {
    base_complete(instance, work, status);
    instance->host->complete(instance->host->self, UINT64_C(0xBADBADBADBAD), status);
}

BAD(ways.complete = complete)
