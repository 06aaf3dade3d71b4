/* SPDX-License-Identifier: MIT
 * Tells on stdout what it publishes. */
#include <stdio.h>

#include "base.h"

static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    puts("publishing");
    fflush(stdout);
    return base_publish(self, message, token);
}

BAD(base_broker.publish = publish)
