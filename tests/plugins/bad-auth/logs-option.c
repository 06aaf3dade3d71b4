/* SPDX-License-Identifier: MIT
 * Logs its salt when it decides. */
#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    base_log(instance, instance->host->option_text(instance->host->self, "salt"));
    return base_decide(instance, work);
}

BAD(ways.decide = decide)
