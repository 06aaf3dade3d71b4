/* SPDX-License-Identifier: MIT */
#include "seen.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

enum { NAME = 255 + 1 + 64, LOOKS = 2 };

struct seen_record {
    struct seen_key key; /* first */
    UT_hash_handle hh;
    uint64_t until;
    size_t length;
    char name[]; /* the channel, a NUL, which no channel has, and the key */
};

static struct wshub_bytes name_of(const struct wshub_message *message, char name[NAME]) {
    size_t length = message->channel.length;
    assert(length + 1 + message->key.length <= NAME);
    memcpy(name, message->channel.data, length);
    name[length] = '\0';
    memcpy(name + length + 1, message->key.data, message->key.length);
    return (struct wshub_bytes){name, length + 1 + message->key.length};
}

static uint64_t size_of(const struct seen_record *record) {
    return sizeof *record + record->length;
}

static void drop(struct seen *seen, struct seen_record *record) {
    if (seen->hand == record) {
        seen->hand = record->hh.next;
    }
    seen->bytes -= size_of(record);
    HASH_DEL(seen->all, record);
    free(record);
}

static void sweep(struct seen *seen, uint64_t now) {
    for (int i = 0; i < LOOKS; i++) {
        struct seen_record *record = seen->hand ? seen->hand : seen->all;
        if (!record) {
            return;
        }
        seen->hand = record->hh.next;
        if (record->until <= now) {
            drop(seen, record);
        }
    }
}

const struct seen_key *seen_find(struct seen *seen, const struct wshub_message *message, uint64_t now) {
    char text[NAME];
    struct wshub_bytes name = name_of(message, text);
    struct seen_record *record = NULL;
    if (seen->all) {
        HASH_FIND_BYHASHVALUE(hh, seen->all, name.data, name.length, names_hash(name, seen->seed), record);
    }
    if (record && record->until <= now) {
        drop(seen, record);
        record = NULL;
    }
    return record ? &record->key : NULL;
}

static struct seen_record *record_new(struct wshub_bytes name, uint64_t until) {
    struct seen_record *record = calloc(1, sizeof *record + name.length);
    if (record) {
        record->until = until;
        record->length = name.length;
        memcpy(record->name, name.data, name.length);
    }
    return record;
}

struct seen_key *seen_add(struct seen *seen, const struct wshub_message *message, uint64_t now) {
    char text[NAME];
    struct wshub_bytes name = name_of(message, text);
    sweep(seen, now);
    if (seen->bytes + sizeof(struct seen_record) + name.length > seen->most) {
        seen->refused++;
        return NULL;
    }
    struct seen_record *record = record_new(name, now + message->key_ttl);
    if (!record) {
        return NULL;
    }
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, seen->all, record->name, record->length, names_hash(name, seen->seed),
                                record);
    if (!record->hh.tbl) { /* uthash found no memory */
        free(record);
        return NULL;
    }
    seen->bytes += size_of(record);
    return &record->key;
}

void seen_take_back(struct seen *seen, struct seen_key *key) {
    drop(seen, (struct seen_record *)(void *)key);
}

void seen_free(struct seen *seen) {
    while (seen->all) {
        drop(seen, seen->all);
    }
}
