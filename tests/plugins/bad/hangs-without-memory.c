/* SPDX-License-Identifier: MIT
 * A publish that finds no memory is never heard of again. */
#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    int status = base_publish(self, message, token);
    return status == WSHUB_NO_MEMORY ? WSHUB_OK : status;
}

BAD(base_broker.publish = publish)
