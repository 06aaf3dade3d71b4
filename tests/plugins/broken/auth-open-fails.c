/* SPDX-License-Identifier: MIT */
#include "broken_auth.h"

static int fail(const struct wshub_host *host, void **self) {
    (void)self;
    host->log(host->self, WSHUB_LOG_WARN, "the keys cannot be read");
    return WSHUB_INVALID;
}

BROKEN(auth.open = fail)
