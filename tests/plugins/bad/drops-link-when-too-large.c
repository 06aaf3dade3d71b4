/* SPDX-License-Identifier: MIT
 * A message over its limit costs it the link. */
#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct instance *instance = self;
    int status = base_publish(self, message, token);
    if (status == WSHUB_TOO_LARGE) {
        instance->host->link(instance->host->self, WSHUB_LINK_DOWN, "the broker has closed the connection");
        instance->host->link(instance->host->self, WSHUB_LINK_UP, NULL);
    }
    return status;
}

BAD(base_broker.publish = publish)
