/* SPDX-License-Identifier: MIT
 * Says goodbye to its broker for longer than a hub has time. */
#include "base.h"

static void close_late(void *self) {
    struct instance *instance = self;
    base_sleep((unsigned)instance->host->timeout + 1000);
    base_close(self);
}

BAD(base_broker.close = close_late)
