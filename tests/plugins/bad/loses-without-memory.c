/* SPDX-License-Identifier: MIT
 * Says that a message was taken when there was no memory for it. */
#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct instance *instance = self;
    int status = base_publish(self, message, token);
    if (status == WSHUB_NO_MEMORY) {
        instance->host->complete(instance->host->self, token, WSHUB_OK);
        return WSHUB_OK;
    }
    return status;
}

BAD(base_broker.publish = publish)
