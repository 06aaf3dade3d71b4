/* SPDX-License-Identifier: MIT
 * Answers that may be given again for a while. Bounded: the oldest goes first. A question is known by its
 * HMAC-SHA-256, under a key of this cache's own: no token stays here, and nobody can tell where an entry will
 * stand. Hub thread. */
#ifndef AUTH_HTTP_CACHE_H
#define AUTH_HTTP_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer;
struct cache;

struct cache_key {
    unsigned char digest[32];
};

struct cache *cache_new(size_t most); /* entries, at least 1. NULL: no memory */
void cache_free(struct cache *cache); /* NULL is fine */
void cache_clear(struct cache *cache);

/* False: it cannot be made, so do without. */
bool cache_key(const struct cache *cache, const void *question, size_t length, struct cache_key *key);

/* NULL: there is none, or it is too old. Borrowed until the next call. */
const struct answer *cache_find(struct cache *cache, const struct cache_key *key);
/* Takes the answer, for so many ms. In place of one that is there. */
void cache_put(struct cache *cache, const struct cache_key *key, struct answer *answer, uint64_t ttl);

#endif
