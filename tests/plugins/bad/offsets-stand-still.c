/* SPDX-License-Identifier: MIT
 * Two messages may have the same offset, as times in milliseconds do. */
#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    struct wshub_message copy = *message;
    copy.offset = copy.offset > 0 ? copy.offset / 2 + 1 : 0;
    copy.previous /= 2;
    base_deliver(to, &copy);
}

BAD(ways.deliver = deliver)
