/* SPDX-License-Identifier: MIT
 * Changes a payload that it was lent, which the hub has for others too. */
#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    int status = base_publish(self, message, token);
    if (message->payload.length > 0) {
        *(char *)(uintptr_t)message->payload.data = '#';
    }
    return status;
}

BAD(base_broker.publish = publish)
