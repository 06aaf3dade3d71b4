/* SPDX-License-Identifier: MIT
 * Takes no name that is not ASCII. */
#include "base.h"

static int subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    const unsigned char *name = channel.data;
    for (size_t i = 0; i < channel.length; i++) {
        if (name[i] > 126) {
            return WSHUB_INVALID;
        }
    }
    return base_subscribe(self, channel, token);
}

BAD(base_broker.subscribe = subscribe)
