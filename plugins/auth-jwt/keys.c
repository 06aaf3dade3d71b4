/* SPDX-License-Identifier: MIT */
#include "keys.h"

#include <stdlib.h>
#include <string.h>

struct keys *keys_new(void) {
    struct keys *keys = calloc(1, sizeof *keys);
    if (keys) {
        atomic_init(&keys->references, 1);
    }
    return keys;
}

struct keys *keys_ref(struct keys *keys) {
    if (keys) {
        atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
    }
    return keys;
}

void keys_unref(struct keys *keys) {
    if (keys && atomic_fetch_sub_explicit(&keys->references, 1, memory_order_acq_rel) == 1) {
        for (size_t i = 0; i < keys->count; i++) {
            key_free(keys->items[i]);
        }
        free(keys);
    }
}

bool keys_add(struct keys *keys, struct key *key) {
    if (keys->count == KEYS_MOST) {
        key_free(key);
        return false;
    }
    keys->items[keys->count++] = key;
    return true;
}

bool keys_fit(const struct keys *keys, const struct algorithm *algorithm) {
    for (size_t i = 0; keys && i < keys->count; i++) {
        if (key_fits(keys->items[i], algorithm)) {
            return true;
        }
    }
    return false;
}

bool keys_know(const struct keys *keys, const char *id) {
    for (size_t i = 0; keys && i < keys->count; i++) {
        if (keys->items[i]->id && strcmp(keys->items[i]->id, id) == 0) {
            return true;
        }
    }
    return false;
}
