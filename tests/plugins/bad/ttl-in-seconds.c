/* SPDX-License-Identifier: MIT
 * Knows whole seconds only, rounded down. */
#include "base.h"

static int set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
               wshub_token token) {
    return base_set(self, key, value, ttl / 1000 * 1000, token);
}

BAD(base_broker.registry_set = set)
