/* SPDX-License-Identifier: MIT
 * Refuses an option that it never had. */
#include <string.h>

#include "base.h"

static int check(const struct wshub_host *host) {
    if (strncmp(host->option_text(host->self, "url"), "base://", 7) != 0) {
        host->option_refuse(host->self, "uri", "an address");
        return WSHUB_INVALID;
    }
    return WSHUB_OK;
}

BAD(base_broker.check = check)
