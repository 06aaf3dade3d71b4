/* SPDX-License-Identifier: MIT
 * Tells of a message before this one that was never there. */
#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    struct wshub_message copy = *message;
    copy.previous = copy.previous > 1 ? copy.previous - 1 : copy.previous;
    base_deliver(to, &copy);
}

BAD(ways.deliver = deliver)
