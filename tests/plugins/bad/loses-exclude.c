/* SPDX-License-Identifier: MIT
 * A message loses its exclude on the way. */
#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    struct wshub_message copy = *message;
    copy.exclude = (struct wshub_bytes){NULL, 0};
    base_deliver(to, &copy);
}

BAD(ways.deliver = deliver)
