/* SPDX-License-Identifier: MIT
 * Who is connected where: plain keys that expire by themselves. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "redis.h"
#include "scripts.h"

static int command(struct redis *redis, const struct argument *arguments, size_t count, pending_fn fn,
                   wshub_token token) {
    return link_is_up(&redis->link) ? connection_send(&redis->link.publisher, arguments, count,
                                                      (struct pending){.fn = fn, .token = token})
                                    : WSHUB_UNAVAILABLE;
}

static bool on_set(void *owner, const struct pending *pending, const redisReply *reply) {
    struct redis *redis = owner;
    if (!reply || reply_is_error(reply)) {
        return redis_refused(redis, COMPLAINT_REGISTRY, "SET", pending->token, reply);
    }
    if (!reply_is_status(reply, "OK")) {
        return redis_confused(redis, pending->token);
    }
    redis_praise(redis, COMPLAINT_REGISTRY);
    redis_complete(redis, pending->token, WSHUB_OK);
    return true;
}

/* ---- entries with a group: by scripts, which keep its index ---- */

enum { NAME = 320, NUMBER = 24 }; /* bytes that hold any key, any number */

/* Where the index of the group is that the key begins with. */
static struct wshub_bytes index_of(char out[NAME], const struct redis *redis, struct wshub_bytes key) {
    const struct wshub_bytes prefix = redis->settings.prefix;
    const size_t group = group_prefix(key);
    int length = snprintf(out, NAME, "%.*s" GROUP_INDEX "%.*s", (int)prefix.length,
                          prefix.length ? (const char *)prefix.data : "", (int)group, (const char *)key.data);
    return (struct wshub_bytes){out, group && length < NAME ? (size_t)length : 0};
}

static struct wshub_bytes member_of(struct wshub_bytes key) {
    const size_t group = group_prefix(key);
    return (struct wshub_bytes){(const char *)key.data + group, key.length - group};
}

static int run(struct redis *redis, enum script_id script, const struct argument *arguments, size_t keys,
               size_t count, script_fn fn, wshub_token token) {
    struct script_call *call = script_call_new(script, arguments, keys, count);
    if (!call) {
        return WSHUB_NO_MEMORY;
    }
    call->fn = fn;
    call->token = token;
    const int status = script_call_send(redis, call);
    if (status != WSHUB_OK) {
        free(call);
    }
    return status;
}

static int enter(struct redis *redis, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                 script_fn fn, wshub_token token) {
    char name[NAME], milliseconds[NUMBER];
    struct argument arguments[5] = {{redis->settings.prefix, key}, {index_of(name, redis, key), {NULL, 0}}};
    const size_t keys = group_prefix(key) ? 2 : 1;
    snprintf(milliseconds, sizeof milliseconds, "%" PRIu64, ttl);
    arguments[keys] = (struct argument){value, {NULL, 0}};
    arguments[keys + 1] = (struct argument)ARGUMENT(milliseconds);
    arguments[keys + 2] = (struct argument){member_of(key), {NULL, 0}};
    return ttl ? run(redis, SCRIPT_ENTER, arguments, keys, keys + 3, fn, token) : WSHUB_INVALID;
}

static bool on_entered(struct redis *redis, struct script_call *call, const redisReply *reply) {
    if (!reply || reply_is_error(reply)) {
        return redis_refused(redis, COMPLAINT_REGISTRY, "SET", call->token, reply);
    }
    if (!reply_is_integer(reply)) {
        return redis_confused(redis, call->token);
    }
    redis_praise(redis, COMPLAINT_REGISTRY);
    redis_complete(redis, call->token, WSHUB_OK);
    return true;
}

static bool on_beaten(struct redis *redis, struct script_call *call, const redisReply *reply) {
    if (!reply || reply_is_error(reply) || !reply_is_integer(reply)) {
        return on_entered(redis, call, reply);
    }
    redis_praise(redis, COMPLAINT_REGISTRY);
    redis_complete(redis, call->token, reply->integer > 0 ? WSHUB_OK : WSHUB_NOT_FOUND);
    return true;
}

static bool on_left(struct redis *redis, struct script_call *call, const redisReply *reply) {
    if (!reply || reply_is_error(reply)) {
        return redis_refused(redis, COMPLAINT_REGISTRY, "DEL", call->token, reply);
    }
    if (!reply_is_integer(reply)) {
        return redis_confused(redis, call->token);
    }
    redis_complete(redis, call->token, WSHUB_OK);
    return true;
}

static int leave(struct redis *redis, struct wshub_bytes key, wshub_token token) {
    char name[NAME];
    const struct argument arguments[] = {
        {redis->settings.prefix, key}, {index_of(name, redis, key), {NULL, 0}}, {member_of(key), {NULL, 0}}};
    return run(redis, SCRIPT_LEAVE, arguments, 2, 3, on_left, token);
}

int redis_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                    wshub_token token) {
    return enter(self, key, value, ttl, on_beaten, token);
}

/* ---- others ---- */

static int set(struct redis *redis, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
               wshub_token token) {
    char milliseconds[NUMBER];
    snprintf(milliseconds, sizeof milliseconds, "%" PRIu64, ttl);
    const struct argument arguments[] = {ARGUMENT("SET"),
                                         {redis->settings.prefix, key},
                                         {value, {NULL, 0}},
                                         ARGUMENT("PX"),
                                         ARGUMENT(milliseconds)};
    return ttl ? command(redis, arguments, 5, on_set, token) : WSHUB_INVALID;
}

int redis_registry_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                       wshub_token token) {
    return group_prefix(key) ? enter(self, key, value, ttl, on_entered, token)
                             : set(self, key, value, ttl, token);
}

static bool on_deleted(void *owner, const struct pending *pending, const redisReply *reply) {
    struct redis *redis = owner;
    if (!reply || reply_is_error(reply)) {
        return redis_refused(redis, COMPLAINT_REGISTRY, "DEL", pending->token, reply);
    }
    if (!reply_is_integer(reply)) {
        return redis_confused(redis, pending->token);
    }
    redis_complete(redis, pending->token, WSHUB_OK);
    return true;
}

int redis_registry_delete(void *self, struct wshub_bytes key, wshub_token token) {
    struct redis *redis = self;
    const struct argument arguments[] = {ARGUMENT("DEL"), {redis->settings.prefix, key}};
    return group_prefix(key) ? leave(redis, key, token) : command(redis, arguments, 2, on_deleted, token);
}

/* The answer says nothing of the key, and a plugin keeps none: it goes along. */
struct wanted {
    size_t length;
    char key[];
};

static bool on_got(void *owner, const struct pending *pending, const redisReply *reply) {
    struct redis *redis = owner;
    struct wanted *wanted = pending->work;
    const wshub_token token = pending->token;
    bool known = true;
    if (!reply || reply_is_error(reply)) {
        redis_refused(redis, COMPLAINT_VALUE, "GET", token, reply);
    } else if (reply_is_nil(reply)) {
        redis_complete(redis, token, WSHUB_NOT_FOUND);
    } else if (reply_is_string(reply)) {
        redis_praise(redis, COMPLAINT_VALUE);
        redis->host->entry(redis->host->self, token, (struct wshub_bytes){wanted->key, wanted->length},
                           reply_bytes(reply));
        redis_complete(redis, token, WSHUB_OK);
    } else {
        known = redis_confused(redis, token);
    }
    free(wanted);
    return known;
}

int redis_registry_get(void *self, struct wshub_bytes key, wshub_token token) {
    struct redis *redis = self;
    const struct argument arguments[] = {ARGUMENT("GET"), {redis->settings.prefix, key}};
    if (!link_is_up(&redis->link)) {
        return WSHUB_UNAVAILABLE;
    }
    struct wanted *wanted = malloc(sizeof *wanted + key.length);
    if (!wanted) {
        return WSHUB_NO_MEMORY;
    }
    wanted->length = key.length;
    memcpy(wanted->key, key.data, key.length);
    int status = connection_send(&redis->link.publisher, arguments, 2,
                                 (struct pending){.fn = on_got, .token = token, .work = wanted});
    if (status != WSHUB_OK) {
        free(wanted);
    }
    return status;
}
