/* SPDX-License-Identifier: MIT
 * Does not say which message is before another, nor that offsets are dense. */
#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    struct wshub_message copy = *message;
    copy.previous = 0;
    base_deliver(to, &copy);
}

BAD(ways.deliver = deliver; base_broker.capabilities &= ~(uint32_t)WSHUB_BROKER_DENSE)
