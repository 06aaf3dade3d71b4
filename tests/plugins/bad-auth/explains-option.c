/* SPDX-License-Identifier: MIT
 * Explains with its salt. */
#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    const struct wshub_host *host = instance->host;
    host->explain(host->self, work->token, host->option_text(host->self, "salt"));
    return base_decide(instance, work);
}

BAD(ways.decide = decide)
