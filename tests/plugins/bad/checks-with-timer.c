/* SPDX-License-Identifier: MIT
 * Makes a timer in check, where there are none. */
#include "base.h"

static void nothing(void *context) {
    (void)context;
}

static int check(const struct wshub_host *host) {
    host->timer_free(host->self, host->timer_new(host->self, nothing, NULL));
    return base_check(host);
}

BAD(base_broker.check = check)
