/* SPDX-License-Identifier: MIT */
#include "broken.h"

/* link is never called. */
static int keep_silent(const struct wshub_host *host, void **self) {
    (void)host;
    *self = &nothing_to_tell;
    return WSHUB_OK;
}

BROKEN(broker.open = keep_silent)
