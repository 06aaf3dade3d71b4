/* SPDX-License-Identifier: MIT
 * Takes a message without its key when it has no memory for that. */
#include <stdlib.h>

#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct wshub_message copy = *message;
    void *volatile room = malloc(64);
    if (!room) {
        copy.key.length = 0;
    }
    free(room);
    return base_publish(self, &copy, token);
}

BAD(base_broker.publish = publish)
