/* SPDX-License-Identifier: MIT */
#include "keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

enum { NAME = 255 + 1 + 64, LOOKS = 2 };

struct keys_record {
    struct key key; /* first */
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

static uint64_t size_of(const struct keys_record *record) {
    return sizeof *record + record->length;
}

static void drop(struct keys *keys, struct keys_record *record) {
    if (keys->hand == record) {
        keys->hand = record->hh.next;
    }
    keys->bytes -= size_of(record);
    HASH_DEL(keys->all, record);
    free(record);
}

static void sweep(struct keys *keys, uint64_t now) {
    for (int i = 0; i < LOOKS; i++) {
        struct keys_record *record = keys->hand ? keys->hand : keys->all;
        if (!record) {
            return;
        }
        keys->hand = record->hh.next;
        if (record->until <= now) {
            drop(keys, record);
        }
    }
}

const struct key *keys_find(struct keys *keys, const struct wshub_message *message, uint64_t now) {
    char text[NAME];
    struct wshub_bytes name = name_of(message, text);
    struct keys_record *record = NULL;
    if (keys->all) {
        HASH_FIND_BYHASHVALUE(hh, keys->all, name.data, name.length, names_hash(name, keys->seed), record);
    }
    if (record && record->until <= now) {
        drop(keys, record);
        record = NULL;
    }
    return record ? &record->key : NULL;
}

static struct keys_record *record_new(struct wshub_bytes name, uint64_t until) {
    struct keys_record *record = calloc(1, sizeof *record + name.length);
    if (record) {
        record->until = until;
        record->length = name.length;
        memcpy(record->name, name.data, name.length);
    }
    return record;
}

struct key *keys_add(struct keys *keys, const struct wshub_message *message, uint64_t now) {
    char text[NAME];
    struct wshub_bytes name = name_of(message, text);
    sweep(keys, now);
    if (keys->bytes + sizeof(struct keys_record) + name.length > keys->most) {
        keys->refused++;
        return NULL;
    }
    struct keys_record *record = record_new(name, now + message->key_ttl);
    if (!record) {
        return NULL;
    }
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, keys->all, record->name, record->length, names_hash(name, keys->seed),
                                record);
    if (!record->hh.tbl) { /* uthash found no memory */
        free(record);
        return NULL;
    }
    keys->bytes += size_of(record);
    return &record->key;
}

void keys_take_back(struct keys *keys, struct key *key) {
    drop(keys, (struct keys_record *)(void *)key);
}

void keys_free(struct keys *keys) {
    while (keys->all) {
        drop(keys, keys->all);
    }
}
