/* SPDX-License-Identifier: MIT
 * Leaves a timer behind. */
#include "base.h"

static void nothing(void *context) {
    (void)context;
}

static int open_and_start(const struct wshub_host *host, void **self) {
    int status = base_open(host, self);
    if (status == WSHUB_OK) {
        host->timer_new(host->self, nothing, NULL);
    }
    return status;
}

BAD(base_auth.open = open_and_start)
