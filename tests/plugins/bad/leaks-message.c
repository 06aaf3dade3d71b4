/* SPDX-License-Identifier: MIT
 * Forgets 64 bytes with each message. */
#include <stdlib.h>

#include "base.h"

static void *volatile lost;

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    lost = malloc(64);
    return base_publish(self, message, token);
}

BAD(base_broker.publish = publish)
