/* SPDX-License-Identifier: MIT
 * Its open waits. */
#include "base.h"

static int open_slowly(const struct wshub_host *host, void **self) {
    base_sleep(1000);
    return base_open(host, self);
}

BAD(base_auth.open = open_slowly)
