/* SPDX-License-Identifier: MIT
 * Who is connected where: plain keys that expire by themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int set(struct redis *redis, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
               pending_fn fn, wshub_token token) {
    char milliseconds[24];
    snprintf(milliseconds, sizeof milliseconds, "%llu", (unsigned long long)ttl);
    const struct argument arguments[] = {ARGUMENT("SET"),
                                         {redis->settings.prefix, key},
                                         {value, {NULL, 0}},
                                         ARGUMENT("PX"),
                                         ARGUMENT(milliseconds)};
    return ttl ? command(redis, arguments, 5, fn, token) : WSHUB_INVALID;
}

int redis_registry_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                       wshub_token token) {
    return set(self, key, value, ttl, on_set, token);
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
    return command(redis, arguments, 2, on_deleted, token);
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

/* ---- heartbeat: EXISTS and SET in one go, so their answers are neighbours ---- */

static bool on_exists(void *owner, const struct pending *pending, const redisReply *reply) {
    struct redis *redis = owner;
    char text[CONNECTION_REASON];
    (void)pending;
    if (!reply) {
        return true;
    }
    if (reply_is_error(reply)) {
        reply_error_text(reply, "EXISTS", text, sizeof text);
        redis_complain(redis, COMPLAINT_HEARTBEAT, text);
        redis->beat = reply_error_status(reply);
        return true;
    }
    redis_praise(redis, COMPLAINT_HEARTBEAT);
    redis->beat = reply->integer > 0 ? WSHUB_OK : WSHUB_NOT_FOUND;
    return reply_is_integer(reply);
}

static bool on_beaten(void *owner, const struct pending *pending, const redisReply *reply) {
    struct redis *redis = owner;
    if (!reply || reply_is_error(reply) || !reply_is_status(reply, "OK")) {
        return on_set(owner, pending, reply);
    }
    redis_praise(redis, COMPLAINT_REGISTRY);
    redis_complete(redis, pending->token, redis->beat);
    return true;
}

int redis_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                    wshub_token token) {
    struct redis *redis = self;
    const struct argument arguments[] = {ARGUMENT("EXISTS"), {redis->settings.prefix, key}};
    int status = command(redis, arguments, 2, on_exists, 0);
    return status == WSHUB_OK ? set(redis, key, value, ttl, on_beaten, token) : status;
}
