/* SPDX-License-Identifier: MIT */
#include "group.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"
#include "scripts.h"

enum { NUMBER = 24 }; /* bytes that hold any number */

size_t group_prefix(struct wshub_bytes key) {
    static const char instance[] = WSHUB_INSTANCE_KEY;
    const size_t length = sizeof instance - 1;
    const char *slash = key.length ? memchr(key.data, '/', key.length) : NULL;
    if (slash) {
        return (size_t)(slash - (const char *)key.data) + 1;
    }
    return key.length >= length && memcmp(key.data, instance, length) == 0 ? length : 0;
}

size_t group_index(char out[GROUP_NAME], struct wshub_bytes prefix, struct wshub_bytes key) {
    const size_t group = group_prefix(key);
    int length = snprintf(out, GROUP_NAME, "%.*sws:index:%.*s", (int)prefix.length,
                          prefix.length ? (const char *)prefix.data : "", (int)group, (const char *)key.data);
    return group && length < GROUP_NAME ? (size_t)length : 0;
}

static struct wshub_bytes index_of(char out[GROUP_NAME], const struct redis *redis, struct wshub_bytes key) {
    return (struct wshub_bytes){out, group_index(out, redis->settings.prefix, key)};
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
    char name[GROUP_NAME], milliseconds[NUMBER];
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

int group_leave(struct redis *redis, struct wshub_bytes key, wshub_token token) {
    char name[GROUP_NAME];
    const struct argument arguments[] = {
        {redis->settings.prefix, key}, {index_of(name, redis, key), {NULL, 0}}, {member_of(key), {NULL, 0}}};
    return run(redis, SCRIPT_LEAVE, arguments, 2, 3, on_left, token);
}

int group_enter(struct redis *redis, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                wshub_token token) {
    return enter(redis, key, value, ttl, on_entered, token);
}

int redis_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                    wshub_token token) {
    return enter(self, key, value, ttl, on_beaten, token);
}
