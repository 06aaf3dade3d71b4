/* SPDX-License-Identifier: MIT
 * A plugin written against ABI 1.3. NEVER EDIT THIS FILE: like v1_0 it stands for plugins that nobody will
 * edit either. If it does not compile without a warning, or does not run, the ABI is broken, not the plugin.
 *
 * A broker inside one process that uses what 1.3 has added: positions of publishes, keys, dense offsets,
 * positions that are another broker's, and groups of registry entries. v1_0 and v1_1 have the rest. */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wshub/wshub.h"

/* Any of the things below: what it is called stands behind it, and what it carries behind that. */
struct item {
    struct item *next;
    struct wshub_bytes name, value;
    uint64_t until;  /* ms; of a message: when it was published */
    uint64_t offset; /* of a message, or of the one with this key */
};

/* It stays for ever: what was published to it outlives its subscribers. */
struct channel {
    struct channel *next;
    struct wshub_bytes name; /* stands behind */
    int subscribed;
    uint64_t newest;       /* offset */
    uint64_t count;        /* of messages */
    struct item *messages; /* the oldest first; nameless */
    struct item *keys;
};

/* What stands before the '/' of a key, and the entries that have it: a list of them costs what is found. */
struct group {
    struct group *next;
    struct wshub_bytes name; /* stands behind; empty: of keys without a '/' */
    struct item *entries;
};

struct broker {
    const struct wshub_host *host;
    struct channel *channels;
    struct group *groups;
};

static const struct wshub_bytes epoch = {"dense-and-only", 14};

/* ---- small things ---- */

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static int is_same(struct wshub_bytes a, struct wshub_bytes b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static int begins_with(struct wshub_bytes text, struct wshub_bytes prefix) {
    return text.length >= prefix.length &&
           (prefix.length == 0 || memcmp(text.data, prefix.data, prefix.length) == 0);
}

static struct wshub_bytes copy(struct wshub_bytes from, char *to) {
    struct wshub_bytes copied;
    copied.data = to;
    copied.length = from.length;
    if (from.length > 0) {
        memcpy(to, from.data, from.length);
    }
    return copied;
}

static int done(struct broker *broker, wshub_token token, int status) {
    broker->host->complete(broker->host->self, token, status);
    return WSHUB_OK;
}

/* ---- items ---- */

static struct item *item_new(struct wshub_bytes name, struct wshub_bytes value) {
    struct item *item = calloc(1, sizeof *item + name.length + value.length);
    if (item) {
        item->name = copy(name, (char *)(item + 1));
        item->value = copy(value, (char *)(item + 1) + name.length);
    }
    return item;
}

static void item_drop(struct item **at) {
    struct item *item = *at;
    *at = item->next;
    free(item);
}

static void items_free(struct item **items) {
    while (*items) {
        item_drop(items);
    }
}

/* Where the one stands that is called so, or the end. What has expired is dropped on the way. */
static struct item **item_find(struct item **at, struct wshub_bytes name) {
    while (*at && !((*at)->until > now() && is_same((*at)->name, name))) {
        if ((*at)->until <= now()) {
            item_drop(at);
        } else {
            at = &(*at)->next;
        }
    }
    return at;
}

/* ---- channels ---- */

/* NULL: no memory. */
static struct channel *channel_of(struct broker *broker, struct wshub_bytes name) {
    struct channel *channel = broker->channels;
    while (channel && !is_same(channel->name, name)) {
        channel = channel->next;
    }
    if (!channel && (channel = calloc(1, sizeof *channel + name.length)) != NULL) {
        channel->name = copy(name, (char *)(channel + 1));
        channel->next = broker->channels;
        broker->channels = channel;
    }
    return channel;
}

static void trim(struct channel *channel, uint64_t size, uint64_t ttl) {
    while (channel->messages && (channel->count > size || channel->messages->until + ttl <= now())) {
        item_drop(&channel->messages);
        channel->count--;
    }
}

/* 0: no memory, and nothing has changed. */
static int append(struct channel *channel, const struct wshub_message *message) {
    const struct wshub_bytes none = {NULL, 0};
    struct item **end = &channel->messages, *item = item_new(none, message->payload);
    struct item *key = message->key.length > 0 ? item_new(message->key, none) : NULL;
    if (!item || (message->key.length > 0 && !key)) {
        free(item);
        free(key);
        return 0;
    }
    while (*end) {
        end = &(*end)->next;
    }
    item->until = now();
    item->offset = ++channel->newest;
    *end = item;
    channel->count++;
    if (key) {
        key->until = now() + message->key_ttl;
        key->offset = item->offset;
        key->next = channel->keys;
        channel->keys = key;
    }
    trim(channel, message->history_size, message->history_ttl);
    return 1;
}

/* ---- messages ---- */

static int subscribe(void *self, struct wshub_bytes name, wshub_token token) {
    struct broker *broker = self;
    struct channel *channel = channel_of(broker, name);
    if (!channel) {
        return WSHUB_NO_MEMORY;
    }
    channel->subscribed = 1;
    return done(broker, token, WSHUB_OK);
}

static int unsubscribe(void *self, struct wshub_bytes name, wshub_token token) {
    struct broker *broker = self;
    struct channel *channel = channel_of(broker, name);
    if (channel) {
        channel->subscribed = 0;
    }
    return done(broker, token, WSHUB_OK);
}

static void position(struct broker *broker, wshub_token token, uint64_t offset) {
    broker->host->position(broker->host->self, token, epoch, 0, offset);
}

/* What has a position of another broker's history keeps it; what has none of its own has none. */
static int publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct broker *broker = self;
    struct channel *channel = channel_of(broker, message->channel);
    struct wshub_message live = *message;
    struct item *known = NULL;
    int status = channel ? WSHUB_OK : WSHUB_NO_MEMORY;
    live.flags = 0;
    live.key.length = 0;
    if (status == WSHUB_OK && message->history_size > 0) {
        known = message->key.length > 0 ? *item_find(&channel->keys, message->key) : NULL;
        if (known) {
            position(broker, token, known->offset);
            return done(broker, token, WSHUB_OK);
        }
        status = append(channel, message) ? WSHUB_OK : WSHUB_NO_MEMORY;
        live.epoch = epoch;
        live.offset = channel->newest;
        live.previous = channel->newest - 1;
    }
    if (status == WSHUB_OK && channel->subscribed) {
        status = broker->host->deliver(broker->host->self, &live);
    }
    if (status == WSHUB_OK && message->history_size > 0) {
        position(broker, token, channel->newest);
    }
    return status == WSHUB_OK ? done(broker, token, WSHUB_OK) : status;
}

/* Dense: where each stands is known from where the first does. */
static const struct item *message_at(const struct channel *channel, uint64_t offset) {
    const struct item *item = channel->messages;
    while (item && item->offset != offset) {
        item = item->next;
    }
    return item;
}

static void tell(struct broker *broker, const struct channel *channel, const struct item *item,
                 wshub_token token) {
    struct wshub_message message = {0};
    message.struct_size = sizeof message;
    message.channel = channel->name;
    message.payload = item->value;
    message.epoch = epoch;
    message.offset = item->offset;
    message.previous = item->offset - 1;
    broker->host->message(broker->host->self, token, &message);
}

static int history(void *self, const struct wshub_history_query *query, wshub_token token) {
    struct broker *broker = self;
    struct channel *channel = channel_of(broker, query->channel);
    uint64_t oldest, offset, left = query->limit;
    int backwards = (query->flags & WSHUB_HISTORY_BACKWARDS) != 0;
    if (!channel) {
        return WSHUB_NO_MEMORY;
    }
    trim(channel, query->size, query->ttl);
    oldest = channel->messages ? channel->messages->offset : 0;
    if (backwards) {
        offset = query->after ? query->after - 1 : channel->newest;
    } else {
        offset = query->after < oldest ? oldest : query->after + 1;
    }
    for (; left > 0 && message_at(channel, offset); left--) {
        tell(broker, channel, message_at(channel, offset), token);
        offset += backwards ? (uint64_t)-1 : 1;
    }
    broker->host->position(broker->host->self, token, epoch, oldest, channel->newest);
    return done(broker, token, WSHUB_OK);
}

/* ---- the registry ---- */

/* NULL: there is none, or (make) no memory. */
static struct group *group_of(struct broker *broker, struct wshub_bytes key, int make) {
    const char *slash = memchr(key.data, '/', key.length);
    struct wshub_bytes name = key;
    struct group *group = broker->groups;
    name.length = slash ? (size_t)(slash - (const char *)key.data) : 0;
    while (group && !is_same(group->name, name)) {
        group = group->next;
    }
    if (!group && make && (group = calloc(1, sizeof *group + name.length)) != NULL) {
        group->name = copy(name, (char *)(group + 1));
        group->next = broker->groups;
        broker->groups = group;
    }
    return group;
}

/* *was: whether it was there. */
static int set(struct broker *broker, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
               int *was) {
    struct group *group = group_of(broker, key, 1);
    struct item *entry = item_new(key, value), **at;
    if (!group || !entry) {
        free(entry);
        return WSHUB_NO_MEMORY;
    }
    at = item_find(&group->entries, key);
    *was = *at != NULL;
    if (*at) {
        item_drop(at);
    }
    entry->until = now() + ttl;
    entry->next = group->entries;
    group->entries = entry;
    return WSHUB_OK;
}

static int registry_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                        wshub_token token) {
    int was, status = set(self, key, value, ttl, &was);
    return status == WSHUB_OK ? done(self, token, WSHUB_OK) : status;
}

static int heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                     wshub_token token) {
    int was, status = set(self, key, value, ttl, &was);
    return status == WSHUB_OK ? done(self, token, was ? WSHUB_OK : WSHUB_NOT_FOUND) : status;
}

static int registry_delete(void *self, struct wshub_bytes key, wshub_token token) {
    struct group *group = group_of(self, key, 0);
    struct item **at = group ? item_find(&group->entries, key) : NULL;
    if (at && *at) {
        item_drop(at);
    }
    return done(self, token, WSHUB_OK);
}

static int registry_get(void *self, struct wshub_bytes key, wshub_token token) {
    struct broker *broker = self;
    struct group *group = group_of(broker, key, 0);
    struct item **at = group ? item_find(&group->entries, key) : NULL;
    if (at && *at) {
        broker->host->entry(broker->host->self, token, (*at)->name, (*at)->value);
    }
    return done(broker, token, at && *at ? WSHUB_OK : WSHUB_NOT_FOUND);
}

static void list_group(struct broker *broker, struct group *group, struct wshub_bytes prefix,
                       wshub_token token) {
    struct item *entry;
    item_find(&group->entries, epoch); /* nobody is called so: it drops what has expired */
    for (entry = group->entries; entry; entry = entry->next) {
        if (begins_with(entry->name, prefix)) {
            broker->host->entry(broker->host->self, token, entry->name, entry->value);
        }
    }
}

static int registry_list(void *self, struct wshub_bytes prefix, wshub_token token) {
    struct broker *broker = self;
    struct group *group;
    if (prefix.length > 0 && memchr(prefix.data, '/', prefix.length)) {
        group = group_of(broker, prefix, 0);
        if (group) {
            list_group(broker, group, prefix, token);
        }
        return done(broker, token, WSHUB_OK);
    }
    for (group = broker->groups; group; group = group->next) {
        list_group(broker, group, prefix, token);
    }
    return done(broker, token, WSHUB_OK);
}

/* ---- its life ---- */

static void close_broker(void *self) {
    struct broker *broker = self;
    while (broker->channels) {
        struct channel *channel = broker->channels;
        broker->channels = channel->next;
        items_free(&channel->messages);
        items_free(&channel->keys);
        free(channel);
    }
    while (broker->groups) {
        struct group *group = broker->groups;
        broker->groups = group->next;
        items_free(&group->entries);
        free(group);
    }
    free(broker);
}

static int open_broker(const struct wshub_host *host, void **self) {
    struct broker *broker = calloc(1, sizeof *broker);
    if (!broker) {
        return WSHUB_NO_MEMORY;
    }
    broker->host = host;
    *self = broker;
    host->link(host->self, WSHUB_LINK_UP, NULL);
    return WSHUB_OK;
}

static const struct wshub_broker table = {
    .struct_size = sizeof table,
    .capabilities = WSHUB_BROKER_ORDERED | WSHUB_BROKER_REGISTRY | WSHUB_BROKER_HISTORY |
                    WSHUB_BROKER_IDEMPOTENT | WSHUB_BROKER_DENSE,
    .open = open_broker,
    .close = close_broker,
    .subscribe = subscribe,
    .unsubscribe = unsubscribe,
    .publish = publish,
    .registry_set = registry_set,
    .registry_delete = registry_delete,
    .registry_get = registry_get,
    .registry_list = registry_list,
    .heartbeat = heartbeat,
    .history = history,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 3,
    .struct_size = sizeof plugin,
    .name = "v1_3",
    .version = "1.3",
    .summary = "a broker inside one process, written against ABI 1.3",
    .broker = &table,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
