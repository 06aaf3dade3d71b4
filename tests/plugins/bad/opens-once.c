/* SPDX-License-Identifier: MIT
 * Can be opened once, and after that never again. */
#include "base.h"

static bool opened;

static int open_once(const struct wshub_host *host, void **self) {
    int status = opened ? WSHUB_INTERNAL : base_open(host, self);
    opened = true;
    return status;
}

BAD(base_broker.open = open_once)
