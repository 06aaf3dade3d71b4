/* SPDX-License-Identifier: MIT
 * Looks through all that is subscribed, the slow way: a thousand channels are too many for it. */
#include "base.h"

static int subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    static unsigned count;
    if (++count % 500 == 0) {
        base_sleep(300);
    }
    return base_subscribe(self, channel, token);
}

BAD(base_broker.subscribe = subscribe)
