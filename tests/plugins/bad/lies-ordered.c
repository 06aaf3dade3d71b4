/* SPDX-License-Identifier: MIT
 * Each of its instances has an order of its own. */
#include <stdlib.h>

#include "base.h"

/* One message is held back by the instance that was opened second, until the next one came. */
static struct instance *second;
static struct wshub_message *held;

static int open_counted(const struct wshub_host *host, void **self) {
    static unsigned count;
    int status = base_open(host, self);
    if (status == WSHUB_OK && ++count % 2 == 0) {
        second = *self;
    }
    return status;
}

static void deliver(struct instance *to, const struct wshub_message *message) {
    static unsigned count;
    if (to != second || (!held && ++count % 20 != 0)) {
        base_deliver(to, message);
        return;
    }
    if (!held) {
        held = to->works ? base_copy(message) : NULL;
        if (!held) {
            base_deliver(to, message);
        }
        return;
    }
    base_deliver(to, message);
    base_deliver(to, held);
    free(held);
    held = NULL;
}

static void close_second(void *self) {
    if (self == second) {
        free(held);
        held = NULL;
        second = NULL;
    }
    base_close(self);
}

BAD((base_broker.open = open_counted, base_broker.close = close_second, ways.deliver = deliver))
