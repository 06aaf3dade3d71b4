/* SPDX-License-Identifier: MIT */
#include "lineage.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "redis.h"
#include "scripts.h"

enum { AGAIN = 30 * 1000 }; /* ms until it is looked at again */

/* The calls that have waited are nobody's but ours by then. */
static struct script_call *take_waiting(struct lineage *lineage) {
    struct script_call *first = lineage->waiting;
    lineage->waiting = NULL;
    return first;
}

static void fail(struct redis *redis, struct script_call *call, const redisReply *reply) {
    call->fn(redis, call, reply);
    free(call);
}

static int send_with_generation(struct redis *redis, struct script_call *call) {
    call->arguments[call->keys + 1] = connection_text(redis->lineage.generation);
    return script_call_send(redis, call);
}

/* What fails here fails once more in each call, which can tell what it was for. Those that come from within
 * fn ask anew. */
static void settle(struct redis *redis, const redisReply *error) {
    struct script_call *next, *call = take_waiting(&redis->lineage);
    for (; call; call = next) {
        next = call->next;
        if (error || !redis->lineage.generation[0] || send_with_generation(redis, call) != WSHUB_OK) {
            fail(redis, call, error);
        }
    }
}

static bool is_number(struct wshub_bytes text) {
    for (size_t i = 0; i < text.length; i++) {
        const char c = ((const char *)text.data)[i];
        if (c < '0' || c > '9') {
            return false;
        }
    }
    return text.length > 0;
}

static bool on_arrived(struct redis *redis, struct script_call *call, const redisReply *reply) {
    (void)call;
    if (!reply || reply_is_error(reply)) {
        settle(redis, reply);
        return true;
    }
    const struct wshub_bytes text = reply_bytes(reply);
    if (!reply_is_string(reply) || text.length >= GENERATION || !is_number(text)) {
        settle(redis, NULL);
        return false;
    }
    memcpy(redis->lineage.generation, text.data, text.length);
    redis->lineage.generation[text.length] = 0;
    settle(redis, NULL);
    return true;
}

static int arrive(struct redis *redis) {
    const struct argument arguments[] = {{redis->settings.prefix, connection_text("ws:lineage")},
                                         ARGUMENT(redis->settings.lossless ? "1" : "0"),
                                         ARGUMENT(redis->lineage.generation)};
    struct script_call *call = script_call_new(SCRIPT_ARRIVE, arguments, 1, 3);
    if (!call) {
        return WSHUB_NO_MEMORY;
    }
    call->fn = on_arrived;
    redis->lineage.asked = clock_ms();
    const int status = script_call_send(redis, call);
    if (status != WSHUB_OK) {
        free(call);
    }
    return status;
}

void lineage_forget(struct redis *redis) {
    redis->lineage.generation[0] = 0;
}

int lineage_send(struct redis *redis, struct script_call *call) {
    struct lineage *lineage = &redis->lineage;
    if (lineage->generation[0]) {
        if (clock_ms() - lineage->asked >= AGAIN) {
            arrive(redis); /* what is known holds until it is answered */
        }
        return send_with_generation(redis, call);
    }
    if (!lineage->waiting) {
        const int status = arrive(redis);
        if (status != WSHUB_OK) {
            return status;
        }
        lineage->last = &lineage->waiting;
    }
    *lineage->last = call;
    lineage->last = &call->next;
    return WSHUB_OK;
}
