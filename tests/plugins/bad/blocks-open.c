/* SPDX-License-Identifier: MIT
 * Connects in open. */
#include "base.h"

static int open_slowly(const struct wshub_host *host, void **self) {
    base_sleep(1000);
    return base_open(host, self);
}

BAD(base_broker.open = open_slowly)
