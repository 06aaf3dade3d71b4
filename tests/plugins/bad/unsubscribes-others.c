/* SPDX-License-Identifier: MIT
 * An unsubscribe ends the channel for every instance. */
#include "base.h"

enum { INSTANCES = 16 };
static struct instance *all[INSTANCES];

static void replace(struct instance *old, struct instance *by) {
    for (int i = 0; i < INSTANCES; i++) {
        if (all[i] == old) {
            all[i] = by;
            return;
        }
    }
}

static int open_and_note(const struct wshub_host *host, void **self) {
    int status = base_open(host, self);
    if (status == WSHUB_OK) {
        replace(NULL, *self);
    }
    return status;
}

static void close_noted(void *self) {
    replace(self, NULL);
    base_close(self);
}

static int run(struct instance *instance, struct work *work) {
    for (int i = 0; i < INSTANCES && work->verb == UNSUBSCRIBE; i++) {
        if (all[i]) {
            topics_unsubscribe(all[i], work);
        }
    }
    return base_run(instance, work);
}

BAD(ways.run = run; base_broker.open = open_and_note; base_broker.close = close_noted)
