/* SPDX-License-Identifier: MIT
 * Who is connected where: plain keys that expire by themselves. Those with a group are group.c's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "redis.h"

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

enum { NUMBER = 24 }; /* bytes that hold any number */

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
    return group_prefix(key) ? group_enter(self, key, value, ttl, token) : set(self, key, value, ttl, token);
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
    return group_prefix(key) ? group_leave(redis, key, token)
                             : command(redis, arguments, 2, on_deleted, token);
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
