/* SPDX-License-Identifier: MIT
 * Has room for 1024 bytes of a value. */
#include "base.h"

static int set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
               wshub_token token) {
    value.length = value.length > 1024 ? 1024 : value.length;
    return base_set(self, key, value, ttl, token);
}

BAD(base_broker.registry_set = set)
