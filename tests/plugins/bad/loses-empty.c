/* SPDX-License-Identifier: MIT
 * A message without a payload is none to it. */
#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    if (message->payload.length > 0) {
        base_deliver(to, message);
    }
}

BAD(ways.deliver = deliver)
