/* SPDX-License-Identifier: MIT
 * Does not look whether there was memory. */
#include <stdlib.h>

#include "base.h"

static int subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    char *copy = malloc(channel.length + 1);
    *(volatile char *)copy = 0;
    free(copy);
    return base_subscribe(self, channel, token);
}

BAD(base_broker.subscribe = subscribe)
