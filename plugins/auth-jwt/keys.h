/* SPDX-License-Identifier: MIT
 * Keys that are used together. Filled by whoever makes them, immutable from the moment that they are shared,
 * counted by references; any thread. */
#ifndef JWT_KEYS_H
#define JWT_KEYS_H

#include <stdatomic.h>

#include "key.h"

enum { KEYS_MOST = 128 };

struct keys {
    atomic_uint references;
    size_t count;
    struct key *items[KEYS_MOST];
};

struct keys *keys_new(void);              /* one reference; NULL: no memory */
struct keys *keys_ref(struct keys *keys); /* NULL is fine, here and below */
void keys_unref(struct keys *keys);

/* Takes the key. False: there are as many as it takes. */
bool keys_add(struct keys *keys, struct key *key);
bool keys_fit(const struct keys *keys, const struct algorithm *algorithm); /* does any? */
bool keys_know(const struct keys *keys, const char *id);

#endif
