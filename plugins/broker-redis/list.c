/* SPDX-License-Identifier: MIT
 * registry_list: SCAN until all keys are known, or ZSCAN of the index for a group; both may name one twice.
 * Then MGET, some at a time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "clock.h"
#include "group.h"
#include "redis.h"

enum {
    BATCH = 256,           /* keys of one MGET */
    SLOTS_LEAST = 1024,    /* a power of two */
    BYTES_MOST = 64 << 20, /* of all keys */
    PATIENCE = 4,          /* timeouts until it is given up */
    CURSOR = 24,           /* bytes that hold a 64-bit number */
    NAME = 512,            /* bytes that hold any key of ours */
};

struct key {
    size_t at, length; /* in `bytes` */
    uint32_t hash;
};

struct list {
    struct redis *redis;
    wshub_token token;
    uint64_t since; /* ms */
    char *pattern;  /* what SCAN matches: the prefix with its wildcards escaped, and a '*'; of a group, the
                       name of its index */
    size_t pattern_length;
    bool is_group;
    char cursor[CURSOR + 1];
    struct buffer bytes; /* of the keys, as Redis knows them; the prefix they must have stands before */
    size_t prefix_length;
    struct buffer keys; /* of struct key, each once */
    uint32_t *slots;    /* a hash table of them: index + 1, or 0; never more than half full */
    size_t slot_count;  /* a power of two, or 0 */
    size_t fetched;     /* keys whose values were asked for */
};

static bool on_scanned(void *owner, const struct pending *pending, const redisReply *reply);
static bool on_values(void *owner, const struct pending *pending, const redisReply *reply);

static void list_free(struct list *list) {
    buffer_free(&list->bytes);
    buffer_free(&list->keys);
    free(list->slots);
    free(list->pattern);
    free(list);
}

static void finish(struct list *list, int status) {
    struct redis *redis = list->redis;
    const wshub_token token = list->token;
    list_free(list);
    redis_complete(redis, token, status);
}

static struct key *keys_of(const struct list *list) {
    return (struct key *)(void *)list->keys.data;
}

static size_t key_count(const struct list *list) {
    return list->keys.length / sizeof(struct key);
}

/* ---- keys ---- */

static uint32_t hash_of(struct wshub_bytes name) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.length; i++) {
        hash = (hash ^ ((const unsigned char *)name.data)[i]) * 16777619u;
    }
    return hash;
}

/* Where the key is, or would be. */
static uint32_t *slot_of(const struct list *list, uint32_t hash, struct wshub_bytes name) {
    size_t at = hash & (list->slot_count - 1);
    for (; list->slots[at]; at = (at + 1) & (list->slot_count - 1)) {
        const struct key *key = &keys_of(list)[list->slots[at] - 1];
        if (key->hash == hash && key->length == name.length &&
            memcmp(list->bytes.data + key->at, name.data, name.length) == 0) {
            break;
        }
    }
    return &list->slots[at];
}

/* Makes room for one more. False: no memory. */
static bool reserve_slot(struct list *list) {
    const size_t count = list->slot_count ? list->slot_count * 2 : SLOTS_LEAST;
    if (list->slot_count >= 2 * (key_count(list) + 1)) {
        return true;
    }
    uint32_t *slots = calloc(count, sizeof *slots);
    if (!slots) {
        return false;
    }
    for (size_t i = 0; i < key_count(list); i++) {
        size_t at = keys_of(list)[i].hash & (count - 1);
        while (slots[at]) {
            at = (at + 1) & (count - 1);
        }
        slots[at] = (uint32_t)i + 1;
    }
    free(list->slots);
    list->slots = slots;
    list->slot_count = count;
    return true;
}

static int add_key(struct list *list, struct wshub_bytes name) {
    if (name.length < list->prefix_length || memcmp(name.data, list->bytes.data, list->prefix_length) != 0) {
        return WSHUB_OK; /* a server that matches something else */
    }
    if (list->bytes.length + name.length > BYTES_MOST) {
        return WSHUB_TOO_LARGE;
    }
    if (!buffer_reserve(&list->bytes, name.length) || !buffer_reserve(&list->keys, sizeof(struct key)) ||
        !reserve_slot(list)) {
        return WSHUB_NO_MEMORY;
    }
    const struct key key = {list->bytes.length, name.length, hash_of(name)};
    uint32_t *slot = slot_of(list, key.hash, name);
    if (*slot == 0) {
        buffer_put(&list->keys, &key, sizeof key);
        buffer_put(&list->bytes, name.data, name.length);
        *slot = (uint32_t)key_count(list);
    }
    return WSHUB_OK;
}

/* The index knows its members without the prefix. */
static int add_member(struct list *list, struct wshub_bytes member) {
    char name[NAME];
    if (list->prefix_length + member.length > sizeof name) {
        return WSHUB_OK; /* none of ours */
    }
    memcpy(name, list->bytes.data, list->prefix_length);
    if (member.length) {
        memcpy(name + list->prefix_length, member.data, member.length);
    }
    return add_key(list, (struct wshub_bytes){name, list->prefix_length + member.length});
}

/* ZSCAN puts a score behind each member. */
static int add_keys(struct list *list, const redisReply *names) {
    const size_t step = list->is_group ? 2 : 1;
    int status = WSHUB_OK;
    for (size_t i = 0; i < names->elements && status == WSHUB_OK; i += step) {
        if (reply_is_string(names->element[i])) {
            status = (list->is_group ? add_member : add_key)(list, reply_bytes(names->element[i]));
        }
    }
    return status;
}

/* ---- the dialogue ---- */

static int ask(struct list *list, const struct argument *arguments, size_t count, pending_fn fn) {
    if (clock_ms() - list->since > PATIENCE * list->redis->settings.timeout) {
        return WSHUB_TIMEOUT; /* nobody waits for it any more */
    }
    return connection_send(&list->redis->link.publisher, arguments, count,
                           (struct pending){.fn = fn, .token = list->token, .work = list});
}

static int scan_index(struct list *list) {
    const struct argument arguments[] = {ARGUMENT("ZSCAN"),
                                         {{list->pattern, list->pattern_length}, {NULL, 0}},
                                         ARGUMENT(list->cursor),
                                         ARGUMENT("COUNT"),
                                         ARGUMENT("1000")};
    return ask(list, arguments, 5, on_scanned);
}

static int scan_keys(struct list *list) {
    const struct argument arguments[] = {
        ARGUMENT("SCAN"),  ARGUMENT(list->cursor),
        ARGUMENT("MATCH"), {{list->pattern, list->pattern_length}, {NULL, 0}},
        ARGUMENT("COUNT"), ARGUMENT("1000")};
    return ask(list, arguments, 6, on_scanned);
}

static int fetch(struct list *list) {
    struct argument arguments[1 + BATCH] = {ARGUMENT("MGET")};
    const struct key *keys = keys_of(list) + list->fetched;
    size_t left = key_count(list) - list->fetched;
    size_t count = left < BATCH ? left : BATCH;
    for (size_t i = 0; i < count; i++) {
        arguments[1 + i] = (struct argument){{list->bytes.data + keys[i].at, keys[i].length}, {NULL, 0}};
    }
    return ask(list, arguments, 1 + count, on_values);
}

static int scan(struct list *list) {
    return list->is_group ? scan_index(list) : scan_keys(list);
}

/* The next step, or the end. */
static void go_on(struct list *list, int status) {
    if (status != WSHUB_OK) {
        finish(list, status);
    } else if (list->fetched == key_count(list)) {
        finish(list, WSHUB_OK);
    } else if ((status = fetch(list)) != WSHUB_OK) {
        finish(list, status);
    }
}

static bool take_cursor(struct list *list, const redisReply *reply) {
    struct wshub_bytes bytes = reply_bytes(reply);
    if (!reply_is_string(reply) || bytes.length == 0 || bytes.length > CURSOR) {
        return false;
    }
    memcpy(list->cursor, bytes.data, bytes.length);
    list->cursor[bytes.length] = 0;
    return strspn(list->cursor, "0123456789") == bytes.length;
}

static bool refused(struct list *list, const char *command, const redisReply *reply) {
    struct redis *redis = list->redis;
    const wshub_token token = list->token;
    list_free(list);
    return redis_refused(redis, COMPLAINT_LIST, command, token, reply);
}

static bool on_scanned(void *owner, const struct pending *pending, const redisReply *reply) {
    struct list *list = pending->work;
    (void)owner;
    if (!reply || reply_is_error(reply)) {
        return refused(list, list->is_group ? "ZSCAN" : "SCAN", reply);
    }
    if (!reply_is_array(reply, 2) || !take_cursor(list, reply->element[0]) ||
        !reply_is_array(reply->element[1], 0)) {
        finish(list, WSHUB_UNAVAILABLE);
        return false;
    }
    int status = add_keys(list, reply->element[1]);
    if (status == WSHUB_OK && strcmp(list->cursor, "0") != 0) {
        status = scan(list);
        if (status != WSHUB_OK) {
            finish(list, status);
        }
        return true;
    }
    go_on(list, status);
    return true;
}

/* A key that has expired since, or is of another type, has no value. */
static void tell_values(struct list *list, const redisReply *values) {
    struct redis *redis = list->redis;
    for (size_t i = 0; i < values->elements; i++) {
        const struct key *key = &keys_of(list)[list->fetched + i];
        const size_t skip = redis->settings.prefix.length;
        if (reply_is_string(values->element[i])) {
            redis->host->entry(redis->host->self, list->token,
                               (struct wshub_bytes){list->bytes.data + key->at + skip, key->length - skip},
                               reply_bytes(values->element[i]));
        }
    }
    list->fetched += values->elements;
}

static bool on_values(void *owner, const struct pending *pending, const redisReply *reply) {
    struct list *list = pending->work;
    const size_t left = key_count(list) - list->fetched;
    (void)owner;
    if (!reply || reply_is_error(reply)) {
        return refused(list, "MGET", reply);
    }
    if (!reply_is_array(reply, 0) || reply->elements != (left < BATCH ? left : BATCH)) {
        finish(list, WSHUB_UNAVAILABLE);
        return false;
    }
    redis_praise(list->redis, COMPLAINT_LIST);
    tell_values(list, reply);
    go_on(list, WSHUB_OK);
    return true;
}

/* ---- the slot ---- */

/* Puts `bytes` with a backslash before what means something to Redis' MATCH. */
static size_t escape(char *out, struct wshub_bytes bytes) {
    size_t n = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        char c = ((const char *)bytes.data)[i];
        if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') {
            out[n++] = '\\';
        }
        out[n++] = c;
    }
    return n;
}

static void write_pattern(struct list *list, struct wshub_bytes ours, struct wshub_bytes prefix) {
    if (list->is_group) {
        list->pattern_length = group_index(list->pattern, ours, prefix);
        return;
    }
    list->pattern_length = escape(list->pattern, ours);
    list->pattern_length += escape(list->pattern + list->pattern_length, prefix);
    list->pattern[list->pattern_length++] = '*';
}

static struct list *list_new(struct redis *redis, struct wshub_bytes prefix, wshub_token token) {
    const struct wshub_bytes ours = redis->settings.prefix;
    const size_t length = ours.length + prefix.length;
    struct list *list = calloc(1, sizeof *list);
    if (!list) {
        return NULL;
    }
    list->pattern = malloc(2 * length + GROUP_NAME);
    if (!list->pattern || !buffer_reserve(&list->bytes, length + 1)) {
        list_free(list);
        return NULL;
    }
    list->redis = redis;
    list->token = token;
    list->since = clock_ms();
    list->cursor[0] = '0';
    list->is_group = prefix.length && group_prefix(prefix) == prefix.length;
    write_pattern(list, ours, prefix);
    buffer_put(&list->bytes, ours.data, ours.length);
    buffer_put(&list->bytes, prefix.data, prefix.length);
    list->prefix_length = length;
    return list;
}

int redis_registry_list(void *self, struct wshub_bytes prefix, wshub_token token) {
    struct redis *redis = self;
    if (!link_is_up(&redis->link)) {
        return WSHUB_UNAVAILABLE;
    }
    struct list *list = list_new(redis, prefix, token);
    if (!list) {
        return WSHUB_NO_MEMORY;
    }
    int status = scan(list);
    if (status != WSHUB_OK) {
        list_free(list);
    }
    return status;
}
