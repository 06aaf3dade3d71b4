/* SPDX-License-Identifier: MIT
 * Waits for its broker in publish. */
#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    base_sleep(200);
    return base_publish(self, message, token);
}

BAD(base_broker.publish = publish)
