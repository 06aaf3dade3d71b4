/* SPDX-License-Identifier: MIT
 * Forgets to free what open has made. */
#include "base.h"

static void leave(void *self) {
    struct instance *instance = self;
    instance->host->timer_free(instance->host->self, instance->timer);
}

BAD(base_auth.close = leave)
