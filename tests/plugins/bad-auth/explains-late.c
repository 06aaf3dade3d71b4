/* SPDX-License-Identifier: MIT
 * Explains a decision that was made. */
#include "base.h"

static void complete(struct instance *instance, struct work *work, int status) {
    base_complete(instance, work, status);
    instance->host->explain(instance->host->self, work->token, "because of the table");
}

BAD(ways.complete = complete)
