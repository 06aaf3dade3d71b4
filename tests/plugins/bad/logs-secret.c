/* SPDX-License-Identifier: MIT
 * Logs its password. */
#include <stdio.h>

#include "base.h"

static int check(const struct wshub_host *host) {
    char line[256];
    snprintf(line, sizeof line, "the password is %s", host->option_text(host->self, "password"));
    host->log(host->self, WSHUB_LOG_INFO, line);
    return base_check(host);
}

BAD(base_broker.check = check)
