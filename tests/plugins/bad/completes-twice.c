/* SPDX-License-Identifier: MIT
 * Every 10th work is completed once more. */
#include "base.h"

static void complete(struct instance *instance, struct work *work, int status) {
    base_complete(instance, work, status);
    if (work->token % 10 == 0) {
        instance->host->complete(instance->host->self, work->token, status);
    }
}

BAD(ways.complete = complete)
