/* SPDX-License-Identifier: MIT
 * A publish that is too large is refused, and completed too. */
#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct instance *instance = self;
    int status = base_publish(self, message, token);
    if (status != WSHUB_OK) {
        instance->host->complete(instance->host->self, token, status);
    }
    return status;
}

BAD(base_broker.publish = publish)
