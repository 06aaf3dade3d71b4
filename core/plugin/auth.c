// SPDX-License-Identifier: MIT
#include "plugin/auth.h"

#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "plugin/auth_priv.h"
#include "plugin/plugin.h"
#include "plugin/watchdog.h"
#include "util/clock.h"
#include "util/log.h"

enum {
    IN_FLIGHT_MAX = 10000, // each with a request of some KiB that waits for it
    SLOW_MS = 100,         // no slot may take as long, since the whole instance waits for it
};

const char *const auth_slot_names[AUTH_SLOTS] = {
    [AUTH_SLOT_AUTHENTICATE] = "authenticate",
    [AUTH_SLOT_REFRESH] = "refresh",
    [AUTH_SLOT_AUTHORIZE] = "authorize",
};
const char *const auth_result_names[AUTH_RESULTS] = {
    [AUTH_RESULT_YES] = "yes",   [AUTH_RESULT_NO] = "no",         [AUTH_RESULT_EXPIRED] = "expired",
    [AUTH_RESULT_PASS] = "pass", [AUTH_RESULT_FAILED] = "failed", [AUTH_RESULT_TIMED_OUT] = "timed_out",
};
const double auth_bucket_bounds[AUTH_BUCKETS - 1] = {CALLS_BOUNDS};

const char *auth_name(const struct auth *auth) {
    return auth->host.setup.name;
}

const struct auth_stats *auth_stats(const struct auth *auth) {
    return &auth->stats;
}

// ---- how a call ends ----

static bool is_over(const struct identity *identity) {
    uint64_t expires = identity_expires(identity);
    return expires > 0 && expires <= clock_wall_ms();
}

// What an answer of the plugin counts for. *why: the hub's own explanation, where it is not as was said.
static int judge(const struct auth *auth, const struct auth_call *call, int status, const char **why) {
    if (status == WSHUB_PASS && call->head.slot == AUTH_SLOT_REFRESH && !auth->table->refresh) {
        *why = "the token is none of this plugin's"; // authenticate was asked, and cannot know better
        return WSHUB_DENIED;
    }
    if (status == WSHUB_PASS && call->head.slot != AUTH_SLOT_AUTHENTICATE) {
        *why = "the plugin passed where only authenticate may";
        return WSHUB_INTERNAL;
    }
    if (status > WSHUB_OK || status < WSHUB_EXPIRED) {
        *why = "the plugin answered with an unknown status";
        return WSHUB_INTERNAL;
    }
    if (status != WSHUB_OK || call->head.slot == AUTH_SLOT_AUTHORIZE) {
        return status;
    }
    if (call->fault || !call->identity) {
        *why = call->fault ? call->fault : "the plugin said yes, but not to whom";
        return WSHUB_INTERNAL;
    }
    if (is_over(call->identity)) {
        *why = "the plugin said yes to an identity that has expired";
        return WSHUB_EXPIRED;
    }
    return WSHUB_OK;
}

static enum auth_result result_of(int status) {
    switch (status) {
    case WSHUB_OK:
        return AUTH_RESULT_YES;
    case WSHUB_DENIED:
        return AUTH_RESULT_NO;
    case WSHUB_EXPIRED:
        return AUTH_RESULT_EXPIRED;
    case WSHUB_PASS:
        return AUTH_RESULT_PASS;
    case WSHUB_TIMEOUT:
        return AUTH_RESULT_TIMED_OUT;
    default:
        return AUTH_RESULT_FAILED;
    }
}

static void count(struct auth *auth, enum auth_slot slot, enum auth_result result, uint64_t took) {
    counter_add(&auth->stats.slots[slot].results[result], 1);
    counter_add(&auth->stats.slots[slot].nanoseconds, (int64_t)took);
    counter_add(&auth->stats.slots[slot].buckets[calls_bucket(took)], 1);
    counter_set(&auth->stats.in_flight, auth->host.calls.in_flight_count);
}

// The plugin is not to blame for what the rest of the hub does with an answer, if it gave it within a slot.
static void answer(struct auth *auth, struct auth_reply reply, int status, struct identity *identity,
                   const char *explanation) {
    uint64_t began = clock_ns(), elsewhere = auth->elsewhere;
    reply.done(reply.context, reply.argument, status, identity, explanation);
    auth->elsewhere = elsewhere + (clock_ns() - began);
}

static void settle(struct calls *calls, struct call *head, int said) {
    struct auth *auth = (struct auth *)(void *)calls->host; // its first member
    struct auth_call *call = (struct auth_call *)(void *)head;
    struct auth_call was = *call;
    const char *why = NULL;
    int status = judge(auth, call, said, &why);
    enum auth_result result = result_of(status);
    bool yields = status == WSHUB_OK && head->slot != AUTH_SLOT_AUTHORIZE;
    bool well = result != AUTH_RESULT_FAILED && result != AUTH_RESULT_TIMED_OUT;
    call->identity = NULL;
    call->explanation = NULL;
    count(auth, was.head.slot, result, calls_end(calls, head, well));
    if (!yields) {
        identity_unref(was.identity);
    }
    answer(auth, was.reply, status, yields ? was.identity : NULL, why ? why : was.explanation);
    free(was.explanation);
}

// ---- calls ----

static void refuse(struct auth *auth, struct auth_call *call, int status, const char *why) {
    call->explanation = strdup(why); // without memory there is none
    settle(&auth->host.calls, &call->head, status);
}

// NULL: settled already.
static struct auth_call *begin(struct auth *auth, enum auth_slot slot, struct auth_reply reply) {
    struct calls *calls = &auth->host.calls;
    struct auth_call *call = (struct auth_call *)(void *)calls_begin(calls, slot); // its first member
    if (!call) {
        count(auth, slot, AUTH_RESULT_FAILED, 0);
        reply.done(reply.context, reply.argument, WSHUB_NO_MEMORY, NULL, "out of memory");
        return NULL;
    }
    call->reply = reply;
    call->fault = NULL;
    counter_set(&auth->stats.in_flight, calls->in_flight_count);
    if (auth->host.closing) {
        settle(calls, &call->head, WSHUB_CLOSED);
        return NULL;
    }
    if (calls->in_flight_count > IN_FLIGHT_MAX) {
        refuse(auth, call, WSHUB_UNAVAILABLE, "too many decisions are under way");
        return NULL;
    }
    return call;
}

// One stay within a slot.
struct visit {
    const char *slot;
    unsigned bit;
    uint64_t began, elsewhere;
};

static struct visit enter(struct auth *auth, const char *slot, unsigned number) {
    struct visit visit = {slot, 1u << number, clock_ns(), auth->elsewhere};
    auth->elsewhere = 0;
    return visit;
}

static void leave(struct auth *auth, const struct visit *visit) {
    uint64_t took = (clock_ns() - visit->began - auth->elsewhere) / 1000000;
    auth->elsewhere = visit->elsewhere;
    if (took >= SLOW_MS && !(auth->slow_told & visit->bit)) {
        auth->slow_told |= visit->bit;
        log_warn(auth->host.setup.log, "auth plugin blocks the hub: every message waits for it",
                 log_text("auth", auth->host.setup.name), log_text("slot", visit->slot),
                 log_number("took_ms", took));
    }
}

// What a slot answered at once: an error settles the call. That of one which it has completed all the same
// comes too late to count, and is a fault of the plugin.
static void after_slot(struct auth *auth, struct auth_call *call, wshub_token token, int status) {
    if (status == WSHUB_OK) {
        return;
    }
    if (calls_find(&auth->host.calls, token) == &call->head) {
        settle(&auth->host.calls, &call->head, status);
    } else {
        calls_stray(&auth->host.calls, token);
    }
}

typedef int (*request_slot_fn)(void *self, const struct wshub_request *request, wshub_token token);

static void ask_who(struct auth *auth, enum auth_slot slot, request_slot_fn fn,
                    const struct wshub_request *request, struct auth_reply reply) {
    struct auth_call *call = begin(auth, slot, reply);
    if (!call) {
        return;
    }
    wshub_token token = calls_token(&call->head);
    struct visit visit = enter(auth, auth_slot_names[slot], slot);
    int status = fn(auth->self, request, token);
    leave(auth, &visit);
    after_slot(auth, call, token, status);
}

void auth_authenticate(struct auth *auth, const struct wshub_request *request, struct auth_reply reply) {
    ask_who(auth, AUTH_SLOT_AUTHENTICATE, auth->table->authenticate, request, reply);
}

void auth_refresh(struct auth *auth, const struct wshub_request *request, struct auth_reply reply) {
    request_slot_fn fn = auth->table->refresh ? auth->table->refresh : auth->table->authenticate;
    ask_who(auth, AUTH_SLOT_REFRESH, fn, request, reply);
}

void auth_authorize(struct auth *auth, const struct wshub_operation *operation, struct auth_reply reply) {
    struct auth_call *call = begin(auth, AUTH_SLOT_AUTHORIZE, reply);
    if (!call) {
        return;
    }
    if (!auth->table->authorize) {
        refuse(auth, call, WSHUB_DENIED, "the plugin has no authorize");
        return;
    }
    wshub_token token = calls_token(&call->head);
    struct visit visit = enter(auth, auth_slot_names[AUTH_SLOT_AUTHORIZE], AUTH_SLOT_AUTHORIZE);
    int status = auth->table->authorize(auth->self, operation, token);
    leave(auth, &visit);
    after_slot(auth, call, token, status);
}

void auth_reload(struct auth *auth) {
    if (auth->table->reload) {
        struct visit visit = enter(auth, "reload", AUTH_SLOTS);
        auth->table->reload(auth->self);
        leave(auth, &visit);
    }
}

void auth_expire(struct auth *auth) {
    calls_expire(&auth->host.calls);
}

// ---- opening and closing ----

static const struct host_words words = {
    .field = "auth",
    .slot = "slot",
    .timeout = "timeouts.auth",
    .unopened = "auth plugin cannot be opened",
    .unclosed = "auth plugin cannot be closed",
    .refused = "auth option cannot be used",
    .left = "auth plugin has left timers or watches behind",
    .late = "auth plugin did not answer in time",
    .strays = "auth plugin completed a decision twice, or an unknown one; further ones are only counted",
};

// The plugin was looked at before, but its file may have changed since.
static bool open_plugin(struct auth *auth) {
    if (!auth->table) {
        host_tell_unopened(&auth->host, "it is not an auth plugin: list it under `brokers`");
        return false;
    }
    struct watchdog *watchdog = watchdog_start(&auth->host.setup, "open");
    int status = auth->table->open(&auth->host.services, &auth->self);
    watchdog_stop(watchdog);
    if (status != WSHUB_OK) {
        host_tell_status(&auth->host, status);
    }
    return status == WSHUB_OK;
}

static bool init(struct auth *auth, const struct auth_setup *setup) {
    const struct host_setup common = {
        .words = &words,
        .name = setup->name,
        .instance_id = setup->instance_id,
        .plugin = setup->plugin,
        .options = setup->options,
        .loop = setup->loop,
        .log = setup->log,
        .timeout = setup->timeout,
    };
    auth->host.calls = (struct calls){
        .settle = settle,
        .call_size = sizeof(struct auth_call),
        .names = auth_slot_names,
        .strict = true,
        .strays = &auth->stats.stray_completions,
        .lates = &auth->stats.late_completions,
    };
    auth->table = setup->plugin->about.auth;
    bool ok = host_init(&auth->host, &common, auth_host_take);
    auth_host_init(auth);
    return ok;
}

struct auth *auth_open(const struct auth_setup *setup) {
    struct auth *auth = calloc(1, sizeof *auth);
    if (!auth) {
        log_error(setup->log, "out of memory");
        return NULL;
    }
    if (!init(auth, setup) || !open_plugin(auth)) {
        host_free(&auth->host);
        free(auth);
        return NULL;
    }
    return auth;
}

void auth_close(struct auth *auth) {
    if (!auth) {
        return;
    }
    auth->host.closing = true;
    struct watchdog *watchdog = watchdog_start(&auth->host.setup, "close");
    auth->table->close(auth->self);
    watchdog_stop(watchdog);
    host_free(&auth->host);
    free(auth);
}
