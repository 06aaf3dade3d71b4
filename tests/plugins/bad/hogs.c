/* SPDX-License-Identifier: MIT
 * Computes for long whenever something arrives. */
#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    uint64_t start = base_now();
    while (base_now() < start + 60) {
    }
    base_deliver(to, message);
}

BAD(ways.deliver = deliver)
