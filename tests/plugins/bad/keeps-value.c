/* SPDX-License-Identifier: MIT
 * Keeps the value of an entry that it was lent, and looks at it when registry_set has returned. */
#include "base.h"

static struct wshub_bytes lent;

static int set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
               wshub_token token) {
    lent = value;
    return base_set(self, key, value, ttl, token);
}

static int run(struct instance *instance, struct work *work) {
    if (work->verb == SET && work->value.length == lent.length) {
        work->value = lent;
    }
    return base_run(instance, work);
}

BAD((base_broker.registry_set = set, ways.run = run))
