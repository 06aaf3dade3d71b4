// SPDX-License-Identifier: MIT
// uthash, set up for names that clients choose: hashed by XXH3 with a secret seed, and a lack of memory
// reported in the element (hh.tbl is NULL) rather than by exit().
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

// Adds an element whose hh stands right before its name, and keeps about one element to a bucket: uthash by
// itself lets chains grow to ten, and each step of one is a cache miss. No memory: element->hh.tbl is NULL.
#define MAP_ADD(head, name_, length_, hash_, element)                                 \
    do {                                                                              \
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, head, name_, length_, hash_, element);        \
        if ((element)->hh.tbl && HASH_COUNT(head) > (element)->hh.tbl->num_buckets) { \
            MAP_EXPAND_((element)->hh.tbl);                                           \
        }                                                                             \
    } while (0)
#define MAP_EXPAND_(table) HASH_EXPAND_BUCKETS(hh, table, (bool){false})

static inline uint32_t map_hash(const void *name, size_t length, uint64_t seed) {
    return (uint32_t)XXH3_64bits_withSeed(name, length, seed);
}
