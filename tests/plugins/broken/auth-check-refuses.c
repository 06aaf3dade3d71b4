/* SPDX-License-Identifier: MIT */
#include "broken_auth.h"

static int refuse(const struct wshub_host *host) {
    host->option_refuse(host->self, "realm", "one that is not here");
    return WSHUB_INVALID;
}

BROKEN(auth.check = refuse)
