/* SPDX-License-Identifier: MIT
 * Logs the first half of the token. */
#include <stdio.h>

#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    int status = base_decide(instance, work);
    if (status == WSHUB_DENIED && work->shown.length < 200) {
        char line[256];
        snprintf(line, sizeof line, "no token %.*s...", (int)(work->shown.length / 2),
                 (const char *)work->shown.data);
        base_log(instance, line);
    }
    return status;
}

BAD(ways.decide = decide)
