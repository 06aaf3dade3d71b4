/* SPDX-License-Identifier: MIT */
#include "broken.h"

static int fail(const struct wshub_host *host, void **self) {
    (void)host, (void)self;
    return WSHUB_DENIED;
}

BROKEN(broker.open = fail)
