// SPDX-License-Identifier: MIT
// Entries of the registry, for cases: set, deleted, listed, and what is expected of that. All but the keys of
// one byte begin with this run's random part. On the case's thread.
#pragma once

#include "cases/expect.h"
#include "cases/shown.h"

enum {
    ENTRIES_KEEP = 60000, // ms, of entries that must not expire meanwhile
    ENTRIES_KEY = 128,    // bytes of a key, at most
};

struct entries_key {
    char text[ENTRIES_KEY + 1];
};

struct entries_key entries_key(struct check *check, const char *name);
struct shown entries_shown(const char *text);

void entries_set(struct peer *peer, const char *key, const char *value, uint64_t ttl);
void entries_set_itself(struct peer *peer, const char *key); // its value is its key in quotes
void entries_discard(struct peer *peer, const char *key);
struct peer_entries entries_list(struct peer *peer, const char *prefix);
// The list has these keys once each, and no others; the value of each is its key in quotes.
void entries_expect(struct peer *peer, const char *prefix, const struct entries_key *keys, size_t count);
