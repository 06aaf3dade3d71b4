/* SPDX-License-Identifier: MIT
 * Whatever is published is kept as the last value. */
#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct wshub_message copy = *message;
    copy.flags |= WSHUB_MESSAGE_LAST_VALUE;
    return base_publish(self, &copy, token);
}

BAD(base_broker.publish = publish)
