/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "cache.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "answer.h"
#include "clock.h"

struct entry {
    struct cache_key key;
    struct entry *next;  /* of the same bucket */
    struct entry *newer; /* put after it */
    struct answer *answer;
    uint64_t until; /* clock_ms */
};

struct cache {
    unsigned char seed[16];
    size_t most, count, mask;
    struct entry *oldest, **newest; /* where the next one goes */
    struct entry *buckets[];
};

struct cache *cache_new(size_t most) {
    size_t buckets = 1;
    while (buckets < most) {
        buckets *= 2;
    }
    struct cache *cache = calloc(1, sizeof *cache + buckets * sizeof cache->buckets[0]);
    if (cache && RAND_bytes(cache->seed, sizeof cache->seed) != 1) {
        free(cache);
        return NULL;
    }
    if (cache) {
        cache->most = most;
        cache->mask = buckets - 1;
        cache->newest = &cache->oldest;
    }
    return cache;
}

static struct entry **bucket_of(struct cache *cache, const struct cache_key *key) {
    size_t hash;
    memcpy(&hash, key->digest, sizeof hash);
    return &cache->buckets[hash & cache->mask];
}

static void drop_oldest(struct cache *cache) {
    struct entry *entry = cache->oldest;
    struct entry **place = bucket_of(cache, &entry->key);
    while (*place != entry) {
        place = &(*place)->next;
    }
    *place = entry->next;
    cache->oldest = entry->newer;
    if (!cache->oldest) {
        cache->newest = &cache->oldest;
    }
    cache->count--;
    answer_free(entry->answer);
    free(entry);
}

void cache_clear(struct cache *cache) {
    while (cache->oldest) {
        drop_oldest(cache);
    }
}

void cache_free(struct cache *cache) {
    if (cache) {
        cache_clear(cache);
        free(cache);
    }
}

bool cache_key(const struct cache *cache, const void *question, size_t length, struct cache_key *key) {
    return HMAC(EVP_sha256(), cache->seed, sizeof cache->seed, question, length, key->digest, NULL) != NULL;
}

static struct entry *find(struct cache *cache, const struct cache_key *key) {
    struct entry *entry = *bucket_of(cache, key);
    while (entry && memcmp(&entry->key, key, sizeof *key) != 0) {
        entry = entry->next;
    }
    return entry;
}

const struct answer *cache_find(struct cache *cache, const struct cache_key *key) {
    const struct entry *entry = find(cache, key);
    return entry && clock_ms() < entry->until ? entry->answer : NULL;
}

static struct entry *add(struct cache *cache, const struct cache_key *key) {
    while (cache->oldest && (cache->count >= cache->most || clock_ms() >= cache->oldest->until)) {
        drop_oldest(cache);
    }
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry) {
        struct entry **bucket = bucket_of(cache, key);
        entry->key = *key;
        entry->next = *bucket;
        *bucket = entry;
        *cache->newest = entry;
        cache->newest = &entry->newer;
        cache->count++;
    }
    return entry;
}

void cache_put(struct cache *cache, const struct cache_key *key, struct answer *answer, uint64_t ttl) {
    struct entry *entry = find(cache, key);
    if (!entry && !(entry = add(cache, key))) {
        answer_free(answer); /* no memory: it will be asked for again */
        return;
    }
    answer_free(entry->answer);
    entry->answer = answer;
    entry->until = clock_ms() + ttl;
}
