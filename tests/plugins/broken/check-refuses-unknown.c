/* SPDX-License-Identifier: MIT */
#include "broken.h"

static int refuse(const struct wshub_host *host) {
    host->option_refuse(host->self, "colour", "a nicer one");
    return WSHUB_INVALID;
}

BROKEN(broker.check = refuse)
