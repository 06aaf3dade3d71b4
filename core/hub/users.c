// SPDX-License-Identifier: MIT
#include "hub/users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/digest.h"
#include "hub/entries.h"
#include "hub/hub_priv.h"
#include "hub/registry.h"
#include "util/buf.h"
#include "util/map.h"

struct presence_of_user {
    struct entry entry; // first
    UT_hash_handle hh;
    char digest[DIGEST_LENGTH + 1];
};

struct users {
    struct hub *hub;
    struct presence_of_user *here;
    struct entry_kind kind;
    bool incomplete; // there was no memory for one: all channels are looked at again
};

static struct presence_of_user *user_of(const struct entry *entry) {
    return (struct presence_of_user *)(void *)entry; // entry is the first member
}

static void write_key(void *context, const struct entry *entry, char text[ENTRY_KEY_MAX + 1]) {
    const struct users *users = context;
    snprintf(text, ENTRY_KEY_MAX + 1, USERS_KEY_PREFIX "%s/%s", user_of(entry)->digest,
             users->hub->instance->id);
}

static void write_value(void *context, const struct entry *entry, struct buf *out) {
    const struct users *users = context;
    (void)entry;
    buf_printf(out, "{\"instance\":\"%s\"}", users->hub->instance->id);
}

static void forget(void *context, struct entry *entry) {
    struct users *users = context;
    struct presence_of_user *user = user_of(entry);
    HASH_DEL(users->here, user);
    free(user);
}

static struct presence_of_user *find(struct users *users, const char *digest, uint32_t hash) {
    struct presence_of_user *user = NULL;
    HASH_FIND_BYHASHVALUE(hh, users->here, digest, DIGEST_LENGTH, hash, user);
    return user;
}

static struct presence_of_user *make(struct users *users, const char *digest, uint32_t hash) {
    struct presence_of_user *user = calloc(1, sizeof *user);
    if (!user) {
        return NULL;
    }
    memcpy(user->digest, digest, DIGEST_LENGTH);
    MAP_ADD(users->here, user->digest, DIGEST_LENGTH, hash, user);
    if (!user->hh.tbl) {
        free(user);
        return NULL;
    }
    return user;
}

void users_follow(struct users *users, struct span channel, bool is_here) {
    const char *digest = channel.data + sizeof DIGEST_USER_PREFIX - 1;
    uint32_t hash = map_hash(digest, DIGEST_LENGTH, users->hub->instance->hash_seed);
    struct presence_of_user *user = find(users, digest, hash);
    if (!is_here) {
        if (user) {
            entries_leave(registry_queue(users->hub->registry), &user->entry);
        }
        return;
    }
    if (!user && !(user = make(users, digest, hash))) {
        users->incomplete = true;
        return;
    }
    entries_enter(registry_queue(users->hub->registry), &user->entry, &users->kind);
}

static void look_again(void *context, struct span channel, bool is_claimed) {
    struct users *users = context;
    const char *digest = channel.data + sizeof DIGEST_USER_PREFIX - 1;
    uint32_t hash = map_hash(digest, DIGEST_LENGTH, users->hub->instance->hash_seed);
    if (is_claimed && !find(users, digest, hash)) {
        users_follow(users, channel, true);
    }
}

void users_tick(struct users *users) {
    if (users->incomplete) {
        users->incomplete = false;
        channels_each_user(users->hub, look_again, users);
    }
}

struct users *users_new(struct hub *hub) {
    struct users *users = calloc(1, sizeof *users);
    if (users) {
        users->hub = hub;
        users->kind = (struct entry_kind){users, write_key, write_value, NULL, forget};
    }
    return users;
}

void users_free(struct users *users) {
    free(users);
}
