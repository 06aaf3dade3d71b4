/* SPDX-License-Identifier: MIT
 * Tables by channel name. Clients choose the names, so how they hash is a secret of the process. */
#ifndef BROKER_MEMORY_NAMES_H
#define BROKER_MEMORY_NAMES_H

#include "wshub/wshub.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint32_t names_hash(struct wshub_bytes name, uint64_t seed) {
    return (uint32_t)XXH3_64bits_withSeed(name.data, name.length, seed);
}

#endif
