/* SPDX-License-Identifier: MIT
 * Looks for a key in any message, however long it is. */
#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    volatile size_t length = message->key.length;
    (void)length;
    return base_publish(self, message, token);
}

BAD(base_broker.publish = publish)
