/* SPDX-License-Identifier: MIT
 * registry_list: SCAN until all keys are known, which may name one twice; then MGET, some at a time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "clock.h"
#include "redis.h"

enum {
    BATCH = 256,           /* keys of one MGET */
    BYTES_MOST = 64 << 20, /* of all keys */
    PATIENCE = 4,          /* timeouts until it is given up */
    CURSOR = 24,           /* bytes that hold a 64-bit number */
};

struct key {
    size_t at, length; /* in `bytes` */
};

struct list {
    struct redis *redis;
    wshub_token token;
    uint64_t since; /* ms */
    char *pattern;  /* what SCAN matches: the prefix with its wildcards escaped, and a '*' */
    size_t pattern_length;
    char cursor[CURSOR + 1];
    struct buffer bytes; /* of the keys, as Redis knows them; the prefix they must have stands before */
    size_t prefix_length;
    struct buffer keys; /* of struct key */
    size_t fetched;     /* keys whose values were asked for */
};

static bool on_scanned(void *owner, const struct pending *pending, const redisReply *reply);
static bool on_values(void *owner, const struct pending *pending, const redisReply *reply);

static void list_free(struct list *list) {
    buffer_free(&list->bytes);
    buffer_free(&list->keys);
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

static int compare(const void *a, const void *b, void *bytes) {
    const struct key *left = a, *right = b;
    size_t shorter = left->length < right->length ? left->length : right->length;
    int order = memcmp((const char *)bytes + left->at, (const char *)bytes + right->at, shorter);
    return order ? order : (left->length > right->length) - (left->length < right->length);
}

static void drop_doubles(struct list *list) {
    struct key *keys = keys_of(list);
    size_t count = key_count(list), kept = 0;
    if (count == 0) {
        return;
    }
    qsort_r(keys, count, sizeof *keys, compare, list->bytes.data);
    for (size_t i = 1; i < count; i++) {
        if (compare(&keys[kept], &keys[i], list->bytes.data) != 0) {
            keys[++kept] = keys[i];
        }
    }
    list->keys.length = (kept + 1) * sizeof *keys;
}

static int add_key(struct list *list, struct wshub_bytes name) {
    if (name.length < list->prefix_length || memcmp(name.data, list->bytes.data, list->prefix_length) != 0) {
        return WSHUB_OK; /* a server that matches something else */
    }
    if (list->bytes.length + name.length > BYTES_MOST) {
        return WSHUB_TOO_LARGE;
    }
    if (!buffer_reserve(&list->bytes, name.length) || !buffer_reserve(&list->keys, sizeof(struct key))) {
        return WSHUB_NO_MEMORY;
    }
    buffer_put(&list->keys, &(struct key){list->bytes.length, name.length}, sizeof(struct key));
    buffer_put(&list->bytes, name.data, name.length);
    return WSHUB_OK;
}

static int add_keys(struct list *list, const redisReply *names) {
    int status = WSHUB_OK;
    for (size_t i = 0; i < names->elements && status == WSHUB_OK; i++) {
        if (reply_is_string(names->element[i])) {
            status = add_key(list, reply_bytes(names->element[i]));
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

static int scan(struct list *list) {
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
        return refused(list, "SCAN", reply);
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
    drop_doubles(list);
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

static struct list *list_new(struct redis *redis, struct wshub_bytes prefix, wshub_token token) {
    const struct wshub_bytes ours = redis->settings.prefix;
    const size_t length = ours.length + prefix.length;
    struct list *list = calloc(1, sizeof *list);
    if (!list) {
        return NULL;
    }
    list->pattern = malloc(2 * length + 1);
    if (!list->pattern || !buffer_reserve(&list->bytes, length + 1)) {
        list_free(list);
        return NULL;
    }
    list->redis = redis;
    list->token = token;
    list->since = clock_ms();
    list->cursor[0] = '0';
    list->pattern_length = escape(list->pattern, ours);
    list->pattern_length += escape(list->pattern + list->pattern_length, prefix);
    list->pattern[list->pattern_length++] = '*';
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
