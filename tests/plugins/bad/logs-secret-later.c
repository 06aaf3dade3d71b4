/* SPDX-License-Identifier: MIT
 * Logs its password when it connects. */
#include <stdio.h>

#include "base.h"

static int open_and_tell(const struct wshub_host *host, void **self) {
    char line[256];
    snprintf(line, sizeof line, "connecting with %s", host->option_text(host->self, "password"));
    host->log(host->self, WSHUB_LOG_DEBUG, line);
    return base_open(host, self);
}

BAD(base_broker.open = open_and_tell)
