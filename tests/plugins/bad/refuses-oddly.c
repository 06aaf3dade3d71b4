/* SPDX-License-Identifier: MIT
 * A slot returns a status that does not exist. */
#include "base.h"

static int unsubscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    (void)self, (void)channel, (void)token;
    return -99;
}

BAD(base_broker.unsubscribe = unsubscribe)
