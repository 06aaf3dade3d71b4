/* SPDX-License-Identifier: MIT
 * Takes half of what it says that it takes. */
#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    return message->payload.length > base_broker.max_payload / 2 ? WSHUB_TOO_LARGE
                                                                 : base_publish(self, message, token);
}

BAD(base_broker.publish = publish)
