/* SPDX-License-Identifier: MIT */
#include "scripts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"

static void put(struct script_call *call, char **at, struct wshub_bytes part) {
    if (part.length) {
        memcpy(*at, part.data, part.length);
        *at += part.length;
        call->arguments[call->count].length += part.length;
    }
}

struct script_call *script_call_new(enum script_id script, const struct argument *arguments, size_t keys,
                                    size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += arguments[i].head.length + arguments[i].tail.length;
    }
    struct script_call *call = malloc(sizeof *call + size);
    if (!call) {
        return NULL;
    }
    *call = (struct script_call){.script = script, .keys = keys};
    for (char *at = call->bytes; call->count < count; call->count++) {
        call->arguments[call->count].data = at;
        put(call, &at, arguments[call->count].head);
        put(call, &at, arguments[call->count].tail);
    }
    return call;
}

static bool has_forgotten(const redisReply *reply) {
    static const char word[] = "NOSCRIPT";
    return reply_is_error(reply) && reply->len >= sizeof word - 1 &&
           memcmp(reply->str, word, sizeof word - 1) == 0;
}

/* The texts come before the first calls of a session, so that later calls do not overtake them. */
static bool on_loaded(void *owner, const struct pending *pending, const redisReply *reply) {
    (void)owner;
    (void)pending;
    return !reply || reply_is_string(reply) || reply_is_error(reply);
}

static int load(struct redis *redis, const struct script *script) {
    const struct argument arguments[] = {
        ARGUMENT("SCRIPT"), ARGUMENT("LOAD"), {{script->text, script->length}, {NULL, 0}}};
    return connection_send(&redis->link.publisher, arguments, 3, (struct pending){.fn = on_loaded});
}

static bool on_answer(void *owner, const struct pending *pending, const redisReply *reply);

static int send_call(struct redis *redis, struct script_call *call) {
    const struct script *script = &scripts[call->script];
    char keys[8];
    snprintf(keys, sizeof keys, "%zu", call->keys);
    struct argument arguments[3 + SCRIPT_ARGUMENTS] = {ARGUMENT("EVALSHA"), ARGUMENT(script->sha),
                                                       ARGUMENT(keys)};
    if (call->again) {
        arguments[0] = (struct argument)ARGUMENT("EVAL");
        arguments[1] = (struct argument){{script->text, script->length}, {NULL, 0}};
    }
    for (size_t i = 0; i < call->count; i++) {
        arguments[3 + i] = (struct argument){call->arguments[i], {NULL, 0}};
    }
    const int status = connection_send(&redis->link.publisher, arguments, 3 + call->count,
                                       (struct pending){.fn = on_answer, .token = call->token, .work = call});
    redis->calls.under_way += status == WSHUB_OK;
    return status;
}

/* ---- calls that the server has forgotten the script of ----
 *
 * Those that were sent behind such a one meet the same fate, and those behind them must not overtake: all are
 * held until the last one under way is answered, and sent then in their order. */

static void hold(struct script_calls *calls, struct script_call *call) {
    if (!calls->held) {
        calls->last = &calls->held;
    }
    call->next = NULL;
    *calls->last = call;
    calls->last = &call->next;
}

static void release(struct redis *redis) {
    struct script_call *next, *call = redis->calls.held;
    redis->calls.held = NULL;
    for (; call; call = next) {
        next = call->next;
        if (send_call(redis, call) != WSHUB_OK) {
            call->fn(redis, call, NULL);
            free(call);
        }
    }
}

static bool on_answer(void *owner, const struct pending *pending, const redisReply *reply) {
    struct redis *redis = owner;
    struct script_call *call = pending->work;
    const bool forgotten = reply && has_forgotten(reply) && !call->again;
    redis->calls.under_way--;
    if (forgotten) {
        call->again = true;
        hold(&redis->calls, call);
    }
    if (redis->calls.under_way == 0) {
        release(redis);
    }
    if (forgotten) {
        return true;
    }
    const bool known = call->fn(redis, call, reply);
    free(call);
    return known;
}

int script_call_send(struct redis *redis, struct script_call *call) {
    if (!link_is_up(&redis->link)) {
        return WSHUB_UNAVAILABLE;
    }
    if (redis->calls.held) {
        hold(&redis->calls, call);
        return WSHUB_OK;
    }
    if (!redis->calls.loaded[call->script]) {
        const int status = load(redis, &scripts[call->script]);
        if (status != WSHUB_OK) {
            return status;
        }
        redis->calls.loaded[call->script] = true;
    }
    return send_call(redis, call);
}
