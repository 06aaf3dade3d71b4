/* SPDX-License-Identifier: MIT
 * Remembers every token that it has refused. */
#include <stdlib.h>

#include "base.h"

struct seen {
    struct seen *next;
    uint64_t hash;
};

static uint64_t hash_of(struct wshub_bytes token) {
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < token.length; i++) {
        hash = (hash ^ ((const unsigned char *)token.data)[i]) * 1099511628211u;
    }
    return hash;
}

static const struct entry *find(struct instance *instance, struct wshub_bytes token) {
    const struct entry *entry = table_find(instance, token);
    struct seen *seen = instance->extra;
    while (seen && seen->hash != hash_of(token)) {
        seen = seen->next;
    }
    if (!entry && !seen && (seen = malloc(sizeof *seen))) {
        *seen = (struct seen){instance->extra, hash_of(token)};
        instance->extra = seen;
    }
    return entry;
}

static void leave(void *self) {
    struct instance *instance = self;
    for (struct seen *seen = instance->extra, *next; seen; seen = next) {
        next = seen->next;
        free(seen);
    }
    base_close(self);
}

BAD((ways.find = find, base_auth.close = leave))
