/* SPDX-License-Identifier: MIT
 * Has room for 1000 bytes of connections that shall not get a message. */
#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    struct wshub_message copy = *message;
    copy.exclude.length = copy.exclude.length > 1000 ? 1000 : copy.exclude.length;
    base_deliver(to, &copy);
}

BAD(ways.deliver = deliver)
