/* SPDX-License-Identifier: MIT
 * A payload is text to it: what is not, becomes question marks. */
#include <stdlib.h>

#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    struct wshub_message *copy = base_copy(message);
    if (!copy) {
        return;
    }
    unsigned char *payload = (unsigned char *)(uintptr_t)copy->payload.data;
    for (size_t i = 0; i < copy->payload.length; i++) {
        payload[i] = payload[i] == 0xFF || payload[i] == 0xFE ? '?' : payload[i];
    }
    base_deliver(to, copy);
    free(copy);
}

BAD(ways.deliver = deliver)
