/* SPDX-License-Identifier: MIT
 * Does not say which option it refuses, nor why. */
#include <string.h>

#include "base.h"

static int check(const struct wshub_host *host) {
    return strncmp(host->option_text(host->self, "url"), "base://", 7) == 0 ? WSHUB_OK : WSHUB_INVALID;
}

BAD(base_broker.check = check)
