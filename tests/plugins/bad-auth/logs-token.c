/* SPDX-License-Identifier: MIT
 * Logs the token that it does not know. */
#include <stdio.h>

#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    int status = base_decide(instance, work);
    if (status == WSHUB_DENIED) {
        char line[256];
        snprintf(line, sizeof line, "not in the table: %s", (const char *)work->shown.data);
        base_log(instance, line);
    }
    return status;
}

BAD(ways.decide = decide)
