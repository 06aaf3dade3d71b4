/* SPDX-License-Identifier: MIT
 * Looks for work all the time: its timer starts itself anew. */
#include <stdlib.h>

#include "base.h"

struct spinning {
    const struct wshub_host *host;
    struct wshub_timer *timer;
};

static void on_timer(void *context) {
    const struct spinning *spinning = context;
    spinning->host->timer_start(spinning->host->self, spinning->timer, 0);
}

static int open_and_spin(const struct wshub_host *host, void **self) {
    int status = base_open(host, self);
    struct spinning *spinning = status == WSHUB_OK ? malloc(sizeof *spinning) : NULL;
    if (spinning) {
        *spinning = (struct spinning){host, host->timer_new(host->self, on_timer, spinning)};
        ((struct instance *)*self)->extra = spinning;
        on_timer(spinning);
    }
    return status;
}

static void close_and_stop(void *self) {
    struct spinning *spinning = ((struct instance *)self)->extra;
    if (spinning) {
        spinning->host->timer_free(spinning->host->self, spinning->timer);
        free(spinning);
    }
    base_close(self);
}

BAD(base_broker.open = open_and_spin; base_broker.close = close_and_stop)
