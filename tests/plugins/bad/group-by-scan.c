/* SPDX-License-Identifier: MIT
 * Walks through all of the registry for a list, which takes its time. */
#include "base.h"

static unsigned entries;

static int set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
               wshub_token token) {
    entries++;
    return base_set(self, key, value, ttl, token);
}

static int list(void *self, struct wshub_bytes prefix, wshub_token token) {
    base_sleep(entries / 1000);
    return base_list(self, prefix, token);
}

BAD(base_broker.registry_set = set; base_broker.registry_list = list)
