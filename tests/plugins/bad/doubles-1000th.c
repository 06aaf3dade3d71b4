/* SPDX-License-Identifier: MIT
 * Every 1000th message comes twice. */
#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    static unsigned count;
    base_deliver(to, message);
    if (++count % 1000 == 0) {
        base_deliver(to, message);
    }
}

BAD(ways.deliver = deliver)
