/* SPDX-License-Identifier: MIT */
#include "absent.h"

#include <openssl/sha.h>
#include <string.h>

static void hash_of(const char *name, unsigned char hash[ABSENT_HASH]) {
    SHA256((const unsigned char *)name, strlen(name), hash);
}

/* Its place; ABSENT_MOST: none. */
static unsigned find(const struct absent *absent, const unsigned char hash[ABSENT_HASH]) {
    for (unsigned i = 0; i < absent->count; i++) {
        if (memcmp(absent->names[i].hash, hash, ABSENT_HASH) == 0) {
            return i;
        }
    }
    return ABSENT_MOST;
}

bool absent_has(const struct absent *absent, const char *name, uint64_t now) {
    unsigned char hash[ABSENT_HASH];
    hash_of(name, hash);
    unsigned place = find(absent, hash);
    return place < ABSENT_MOST && now < absent->names[place].until;
}

void absent_add(struct absent *absent, const char *name, uint64_t until) {
    unsigned char hash[ABSENT_HASH];
    hash_of(name, hash);
    unsigned place = find(absent, hash);
    if (place == ABSENT_MOST) {
        place = absent->next;
        memcpy(absent->names[place].hash, hash, ABSENT_HASH);
        absent->next = (absent->next + 1) % ABSENT_MOST;
        absent->count += absent->count < ABSENT_MOST;
    }
    absent->names[place].until = until;
}
