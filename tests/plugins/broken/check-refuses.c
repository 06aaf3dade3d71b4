/* SPDX-License-Identifier: MIT */
#include "broken.h"

static int refuse(const struct wshub_host *host) {
    host->log(host->self, WSHUB_LOG_INFO, "not to be shown");
    host->log(host->self, WSHUB_LOG_ERROR, "no two of them\nfit together");
    return WSHUB_INVALID;
}

BROKEN(broker.check = refuse)
