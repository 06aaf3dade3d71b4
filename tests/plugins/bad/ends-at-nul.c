/* SPDX-License-Identifier: MIT
 * A payload ends where its first NUL is. */
#include <string.h>

#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    struct wshub_message copy = *message;
    copy.payload.length = copy.payload.length > 0 ? strnlen(copy.payload.data, copy.payload.length) : 0;
    base_deliver(to, &copy);
}

BAD(ways.deliver = deliver)
