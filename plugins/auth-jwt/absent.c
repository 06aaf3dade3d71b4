/* SPDX-License-Identifier: MIT */
#include "absent.h"

#include <openssl/sha.h>
#include <string.h>

static void hash_of(const char *name, unsigned char hash[ABSENT_HASH]) {
    SHA256((const unsigned char *)name, strlen(name), hash);
}

static bool has_hash(const struct absent *absent, const unsigned char hash[ABSENT_HASH]) {
    for (unsigned i = 0; i < absent->count; i++) {
        if (memcmp(absent->hashes[i], hash, ABSENT_HASH) == 0) {
            return true;
        }
    }
    return false;
}

bool absent_has(const struct absent *absent, const char *name) {
    unsigned char hash[ABSENT_HASH];
    hash_of(name, hash);
    return has_hash(absent, hash);
}

void absent_add(struct absent *absent, const char *name) {
    unsigned char hash[ABSENT_HASH];
    hash_of(name, hash);
    if (!has_hash(absent, hash)) {
        memcpy(absent->hashes[absent->next], hash, ABSENT_HASH);
        absent->next = (absent->next + 1) % ABSENT_MOST;
        absent->count += absent->count < ABSENT_MOST;
    }
}

void absent_clear(struct absent *absent) {
    absent->count = absent->next = 0;
}
