// SPDX-License-Identifier: MIT
// uthash, set up for names that clients choose: hashed by XXH3 with a secret seed, short chains, and a lack of memory
// reported in the element (hh.tbl is NULL) rather than by exit().
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 3U

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint32_t map_hash(const void *name, size_t length, uint64_t seed) {
    return (uint32_t)XXH3_64bits_withSeed(name, length, seed);
}
