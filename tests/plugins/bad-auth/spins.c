/* SPDX-License-Identifier: MIT
 * A timer that starts itself anew at once. */
#include "base.h"

static struct wshub_timer *timer;

static void again(void *context) {
    struct instance *instance = context;
    instance->host->timer_start(instance->host->self, timer, 0);
}

static int open_and_start(const struct wshub_host *host, void **self) {
    int status = base_open(host, self);
    if (status == WSHUB_OK) {
        timer = host->timer_new(host->self, again, *self);
        host->timer_start(host->self, timer, 0);
    }
    return status;
}

static void leave(void *self) {
    struct instance *instance = self;
    instance->host->timer_free(instance->host->self, timer);
    base_close(self);
}

BAD((base_auth.open = open_and_start, base_auth.close = leave))
