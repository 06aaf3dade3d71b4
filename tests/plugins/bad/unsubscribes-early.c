/* SPDX-License-Identifier: MIT
 * Confirms an unsubscribe that the broker has not yet heard of. */
#include "base.h"

static int unsubscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    struct instance *instance = self;
    int status = base_unsubscribe(self, channel, token);
    if (status == WSHUB_OK) {
        instance->host->complete(instance->host->self, token, WSHUB_OK);
        instance->host->timer_start(instance->host->self, instance->timer, 30); /* the broker is far */
    }
    return status;
}

static void complete(struct instance *instance, struct work *work, int status) {
    if (work->verb != UNSUBSCRIBE) {
        base_complete(instance, work, status);
    }
}

BAD((base_broker.unsubscribe = unsubscribe, ways.complete = complete))
