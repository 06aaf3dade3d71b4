/* SPDX-License-Identifier: MIT
 * A message that is kept as the last value comes as if it were old. */
#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    struct wshub_message copy = *message;
    copy.flags = WSHUB_MESSAGE_LAST_VALUE;
    base_deliver(to, &copy);
}

BAD(ways.deliver = deliver)
