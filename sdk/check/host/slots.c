// SPDX-License-Identifier: MIT
// The slots, called as a hub calls them: with a token, and with memory that is worth nothing afterwards.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/ask.h"
#include "host/arrivals.h"
#include "host/peer_priv.h"

// ---- statuses ----

static const struct {
    int status;
    const char *name;
} statuses[] = {
#define STATUS(value, name, text) {value, #name},
    WSHUB_STATUS_MAP(STATUS)
#undef STATUS
};

const char *status_name(int status) {
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        if (statuses[i].status == status) {
            return statuses[i].name;
        }
    }
    return "none of enum wshub_status";
}

bool is_status(int status) {
    return status <= WSHUB_OK && status >= WSHUB_EXPIRED;
}

// ---- ends ----

static void check_finds(struct peer *peer, const struct call *call, int status) {
    const char *name = operation_names[call->operation];
    if (call->operation == OPERATION_GET && status == WSHUB_OK && call->finds == 0) {
        check_breach(peer->check, "%s was completed with OK and told no entry: WSHUB_NOT_FOUND says that",
                     name);
    }
    if (call->operation == OPERATION_GET && status == WSHUB_NOT_FOUND && call->finds > 0) {
        check_breach(peer->check, "%s was completed with NOT_FOUND after it had told an entry", name);
    }
    if (call->operation == OPERATION_PUBLISH && call->positions > 1) {
        check_breach(peer->check, "%s was told %" PRIu32 " positions, expected one at most", name,
                     call->positions);
    }
    if (call->operation == OPERATION_HISTORY && status == WSHUB_OK && call->positions != 1) {
        check_breach(peer->check, "%s was completed with OK and told %" PRIu32 " positions, expected one",
                     name, call->positions);
    }
}

// What is subscribed after it. One that failed or timed out may still have worked.
static void settle_topic(struct peer *peer, const struct call *call, int status) {
    struct topic *topic = call->topic;
    if (!topic || status != WSHUB_OK) {
        if (topic && topic->restoring) {
            topic->again = true;
        }
        return;
    }
    topic->subscribed = call->operation == OPERATION_SUBSCRIBE;
    if (topic->restoring) {
        topic->restoring = false;
        peer->restoring--;
    }
}

void slots_complete(struct peer *peer, uint64_t token, int status) {
    const char *why = "";
    struct call *call = tokens_flying(&peer->tokens, token, &why);
    if (!call) {
        check_breach(peer->check, "complete was called for token %" PRIx64 ", %s", token, why);
        return;
    }
    if (call->operation >= OPERATION_AUTHENTICATE) {
        status = ask_settle(peer, call, status);
        tokens_end(&peer->tokens, call, CALL_COMPLETED, status);
        return;
    }
    if (!is_status(status)) {
        check_breach(peer->check, "%s was completed with %d, which is none of enum wshub_status",
                     operation_names[call->operation], status);
        status = WSHUB_INTERNAL;
    }
    check_finds(peer, call, status);
    settle_topic(peer, call, status);
    tokens_end(&peer->tokens, call, CALL_COMPLETED, status);
    if (!call->held) {
        *(status == WSHUB_OK ? &peer->succeeded : &peer->failed) += !call->quiet;
        if (!call->in_slot) {
            tokens_forget(&peer->tokens, call);
        }
    }
}

// ---- calling ----

// One call of a slot, as its caller wants it.
struct request {
    enum operation operation;
    struct wshub_bytes subject; // channel, key or prefix
    struct wshub_bytes value;
    uint64_t ttl;
    const struct wshub_message *message;
    const struct wshub_history_query *query;
    bool held, quiet;
    struct peer_entries *entries;
    struct arrivals *found;
    struct peer_position *position;
};

static bool has_slot(const struct peer *peer, enum operation operation) {
    const struct wshub_broker *table = peer->table;
    switch (operation) {
    case OPERATION_SET:
        return table->registry_set;
    case OPERATION_DELETE:
        return table->registry_delete;
    case OPERATION_GET:
        return table->registry_get;
    case OPERATION_LIST:
        return table->registry_list;
    case OPERATION_HEARTBEAT:
        return table->heartbeat;
    case OPERATION_HISTORY:
        return table->history;
    default:
        return true; // it would not have been loaded
    }
}

enum { PIECES = 11, BEYOND = 16 }; // BEYOND: bytes of members that this kit does not know

// A hub of ABI 1.0 has no member behind offset, one of 1.2 none behind history_ttl; one that is newer than
// this kit has more of them.
static uint32_t message_size(const struct peer *peer) {
    const uint32_t host = peer->host->struct_size;
    return host <= offsetof(struct wshub_host, timeout) ? offsetof(struct wshub_message, previous)
           : peer->host->abi_minor < 3                  ? offsetof(struct wshub_message, key)
           : host > sizeof *peer->host                  ? sizeof(struct wshub_message) + BEYOND
                                                        : sizeof(struct wshub_message);
}

static size_t message_bytes(const struct wshub_message *message) {
    return sizeof *message + BEYOND + message->channel.length + message->payload.length +
           message->sender.length + message->sender_user.length + message->exclude.length +
           message->epoch.length + message->key.length;
}

static size_t lent_bytes(const struct request *request) {
    return request->subject.length + request->value.length +
           (request->message ? message_bytes(request->message) : 0) +
           (request->query ? sizeof *request->query + request->query->channel.length : 0);
}

// The struct stands last: what is lent strictly ends with it, so that reading beyond its end is found out.
static struct wshub_message *lend_message(const struct peer *peer, struct lent *lent,
                                          const struct wshub_message *message) {
    unsigned char whole[sizeof *message + BEYOND];
    struct wshub_message copy = *message;
    copy.struct_size = message_size(peer);
    copy.channel = lend_bytes(lent, message->channel);
    copy.payload = lend_bytes(lent, message->payload);
    copy.sender = lend_bytes(lent, message->sender);
    copy.sender_user = lend_bytes(lent, message->sender_user);
    copy.exclude = lend_bytes(lent, message->exclude);
    copy.epoch = lend_bytes(lent, message->epoch);
    copy.key = lend_bytes(lent, message->key);
    memset(whole, 0xA5, sizeof whole);
    memcpy(whole, &copy, sizeof copy);
    return lend_copy(lent, whole, copy.struct_size);
}

static struct wshub_history_query *lend_query(struct lent *lent, const struct wshub_history_query *query) {
    struct wshub_history_query copy = *query;
    copy.struct_size = copy.struct_size ? copy.struct_size : sizeof copy;
    copy.channel = lend_bytes(lent, query->channel);
    return lend_copy(lent, &copy, sizeof copy);
}

static int call_slot(struct peer *peer, const struct request *request, struct lent *lent, wshub_token token) {
    const struct wshub_broker *table = peer->table;
    struct wshub_bytes subject = lend_bytes(lent, request->subject), value = lend_bytes(lent, request->value);
    struct wshub_message *message = request->message ? lend_message(peer, lent, request->message) : NULL;
    struct wshub_history_query *query = request->query ? lend_query(lent, request->query) : NULL;
    struct visit visit = visit_begin(peer, operation_names[request->operation], VISIT_LIMIT);
    int status = WSHUB_UNSUPPORTED;
    stopwatch_carry(&peer->check->stopwatch, message ? message->payload.length : 0);
    switch (request->operation) {
    case OPERATION_SUBSCRIBE:
        status = table->subscribe(peer->self, subject, token);
        break;
    case OPERATION_UNSUBSCRIBE:
        status = table->unsubscribe(peer->self, subject, token);
        break;
    case OPERATION_PUBLISH:
        status = table->publish(peer->self, message, token);
        break;
    case OPERATION_SET:
        status = table->registry_set(peer->self, subject, value, request->ttl, token);
        break;
    case OPERATION_DELETE:
        status = table->registry_delete(peer->self, subject, token);
        break;
    case OPERATION_GET:
        status = table->registry_get(peer->self, subject, token);
        break;
    case OPERATION_LIST:
        status = table->registry_list(peer->self, subject, token);
        break;
    case OPERATION_HEARTBEAT:
        status = table->heartbeat(peer->self, subject, value, request->ttl, token);
        break;
    case OPERATION_HISTORY:
        status = table->history(peer->self, query, token);
        break;
    default: // auth/ask.c has the others
        break;
    }
    lend_end(peer->check, lent, operation_names[request->operation]);
    visit_end(peer, &visit);
    return status;
}

static void refuse(struct peer *peer, struct call *call, int status) {
    const char *name = operation_names[call->operation];
    if (!is_status(status)) {
        check_breach(peer->check, "%s returned %d, which is none of enum wshub_status", name, status);
    }
    if (call->end != CALL_FLIES) {
        check_breach(peer->check, "%s completed its token and then returned %s: one of both", name,
                     status_name(status));
    } else {
        tokens_end(&peer->tokens, call, CALL_REFUSED, status);
        peer->failed += !call->held && !call->quiet;
        settle_topic(peer, call, status);
    }
    tokens_forget(&peer->tokens, call);
    peer->refused = status;
}

static struct call *call_new(struct peer *peer, const struct request *request) {
    struct call *call = tokens_new(&peer->tokens, request->operation);
    bool has_topic = request->operation == OPERATION_SUBSCRIBE || request->operation == OPERATION_UNSUBSCRIBE;
    if (!call) {
        check_fail(peer->check, "the kit has no memory left");
    }
    call->held = request->held;
    call->quiet = request->quiet;
    call->in_slot = true;
    call->entries = request->entries;
    call->found = request->found;
    call->position = request->position;
    call->has_history = request->message && request->message->history_size > 0;
    if (has_topic) {
        call->topic = topics_add(&peer->topics, request->subject);
    } else if (request->subject.length > 0 || request->operation == OPERATION_LIST) {
        call->subject = arrivals_copy(request->subject);
    }
    return call;
}

// As a hub, which does not call a slot while the link is down. 0: refused, peer->refused says how.
static peer_call start(struct peer *peer, const struct request *request) {
    struct lent lent;
    if (!peer->up || !has_slot(peer, request->operation)) {
        peer->refused = peer->up ? WSHUB_UNSUPPORTED : WSHUB_UNAVAILABLE;
        peer->failed += !request->held && !request->quiet;
        return 0;
    }
    struct call *call = call_new(peer, request);
    if (!lend_begin(&lent, lent_bytes(request), PIECES, peer->strict)) {
        check_fail(peer->check, "the kit has no memory left");
    }
    uint64_t token = tokens_of(call);
    int status = call_slot(peer, request, &lent, token);
    reactor_look_again(peer->check->reactor);
    call->in_slot = false;
    if (status != WSHUB_OK) {
        refuse(peer, call, status);
        check_settle(peer->check);
        return 0;
    }
    peer->refused = WSHUB_OK;
    if (!call->held && call->end != CALL_FLIES) {
        tokens_forget(&peer->tokens, call);
    }
    return token;
}

// ---- waiting for one ----

static struct call *held(struct peer *peer, peer_call token) {
    const char *why = "";
    struct call *call = tokens_find(&peer->tokens, token, &why);
    if (!call || !call->held) {
        check_fail(peer->check, "the case asks for a call %s", call ? "that it did not keep" : why);
    }
    return call;
}

struct waiting {
    struct peer *peer;
    peer_call call;
};

static bool is_done(void *context) {
    const struct waiting *waiting = context;
    return peer_is_done(waiting->peer, waiting->call);
}

bool peer_is_done(struct peer *peer, peer_call token) {
    return held(peer, token)->end != CALL_FLIES;
}

int peer_finish(struct peer *peer, peer_call token) {
    struct call *call = held(peer, token);
    if (!check_wait_exactly(peer->check, is_done, &(struct waiting){peer, token}, peer->timeout)) {
        check_fail(peer->check, "%s%s%s%s was not completed within %" PRIu64 " ms",
                   operation_names[call->operation], call->subject ? " of \"" : "",
                   call->subject ? call->subject : "", call->subject ? "\"" : "", peer->timeout);
    }
    int status = call->status;
    tokens_forget(&peer->tokens, call);
    return status;
}

static int finish(struct peer *peer, const struct request *request) {
    peer_call call = start(peer, request);
    return call ? peer_finish(peer, call) : peer->refused;
}

// ---- the calls of peer.h ----

static struct request for_topic(enum operation operation, struct wshub_bytes channel, bool is_held) {
    return (struct request){.operation = operation, .subject = channel, .held = is_held};
}

static struct request for_message(const struct wshub_message *message, bool is_held) {
    return (struct request){.operation = OPERATION_PUBLISH, .message = message, .held = is_held};
}

static struct request for_entry(enum operation operation, const char *key, const char *value, uint64_t ttl) {
    return (struct request){
        .operation = operation, .subject = bytes_of(key), .value = bytes_of(value), .ttl = ttl, .held = true};
}

int peer_subscribe(struct peer *peer, struct wshub_bytes channel) {
    struct request request = for_topic(OPERATION_SUBSCRIBE, channel, true);
    return finish(peer, &request);
}

int peer_unsubscribe(struct peer *peer, struct wshub_bytes channel) {
    struct request request = for_topic(OPERATION_UNSUBSCRIBE, channel, true);
    return finish(peer, &request);
}

int peer_publish(struct peer *peer, const struct wshub_message *message) {
    struct request request = for_message(message, true);
    return finish(peer, &request);
}

int peer_publish_at(struct peer *peer, const struct wshub_message *message, struct peer_position *position) {
    struct request request = for_message(message, true);
    *position = (struct peer_position){.newest = 0};
    request.position = position;
    return finish(peer, &request);
}

int peer_registry_set(struct peer *peer, const char *key, const char *value, uint64_t ttl) {
    struct request request = for_entry(OPERATION_SET, key, value, ttl);
    return finish(peer, &request);
}

int peer_registry_delete(struct peer *peer, const char *key) {
    struct request request = for_entry(OPERATION_DELETE, key, "", 0);
    return finish(peer, &request);
}

int peer_heartbeat(struct peer *peer, const char *key, const char *value, uint64_t ttl) {
    struct request request = for_entry(OPERATION_HEARTBEAT, key, value, ttl);
    return finish(peer, &request);
}

int peer_registry_list(struct peer *peer, const char *prefix, struct peer_entries *entries) {
    struct request request = for_entry(OPERATION_LIST, prefix, "", 0);
    request.entries = entries;
    return finish(peer, &request);
}

int peer_registry_get(struct peer *peer, const char *key, char **value) {
    struct peer_entries entries = {0};
    struct request request = for_entry(OPERATION_GET, key, "", 0);
    request.entries = &entries;
    int status = finish(peer, &request);
    *value = NULL;
    if (status == WSHUB_OK && entries.count > 0) {
        *value = entries.items[0].value;
        entries.items[0].value = NULL;
    }
    peer_entries_free(&entries);
    return status;
}

void peer_entries_free(struct peer_entries *entries) {
    for (size_t i = 0; i < entries->count; i++) {
        free(entries->items[i].key);
        free(entries->items[i].value);
    }
    free(entries->items);
    *entries = (struct peer_entries){0};
}

int peer_history(struct peer *peer, const struct wshub_history_query *query, struct arrivals *found,
                 struct peer_position *position) {
    struct peer_position unused;
    struct request request = {.operation = OPERATION_HISTORY,
                              .query = query,
                              .held = true,
                              .found = found,
                              .position = position ? position : &unused};
    return finish(peer, &request);
}

peer_call peer_start_subscribe(struct peer *peer, struct wshub_bytes channel) {
    struct request request = for_topic(OPERATION_SUBSCRIBE, channel, true);
    return start(peer, &request);
}

peer_call peer_start_unsubscribe(struct peer *peer, struct wshub_bytes channel) {
    struct request request = for_topic(OPERATION_UNSUBSCRIBE, channel, true);
    return start(peer, &request);
}

peer_call peer_start_publish(struct peer *peer, const struct wshub_message *message) {
    struct request request = for_message(message, true);
    return start(peer, &request);
}

peer_call peer_start_publish_at(struct peer *peer, const struct wshub_message *message,
                                struct peer_position *position) {
    struct request request = for_message(message, true);
    *position = (struct peer_position){.newest = 0};
    request.position = position;
    return start(peer, &request);
}

peer_call peer_start_set(struct peer *peer, const char *key, const char *value, uint64_t ttl) {
    struct request request = for_entry(OPERATION_SET, key, value, ttl);
    return start(peer, &request);
}

void peer_fire_publish(struct peer *peer, const struct wshub_message *message) {
    struct request request = for_message(message, false);
    start(peer, &request);
}

void peer_fire_subscribe(struct peer *peer, struct wshub_bytes channel) {
    struct request request = for_topic(OPERATION_SUBSCRIBE, channel, false);
    start(peer, &request);
}

void peer_fire_unsubscribe(struct peer *peer, struct wshub_bytes channel) {
    struct request request = for_topic(OPERATION_UNSUBSCRIBE, channel, false);
    start(peer, &request);
}

int peer_refused(const struct peer *peer) {
    return peer->refused;
}

size_t peer_in_flight(const struct peer *peer) {
    return peer->tokens.flying;
}

uint64_t peer_succeeded(const struct peer *peer) {
    return peer->succeeded;
}

uint64_t peer_failed(const struct peer *peer) {
    return peer->failed;
}

// ---- after a new session ----

enum { RESTORE_AGAIN = 200 }; // ms

static void restore_topic(struct peer *peer, struct topic *topic) {
    struct request request =
        for_topic(OPERATION_SUBSCRIBE, (struct wshub_bytes){topic->name, topic->length}, false);
    request.quiet = true; // the case did not ask for it
    peer->restoring += !topic->restoring;
    topic->restoring = true;
    topic->again = false;
    start(peer, &request);
}

static void come_back(struct peer *peer) {
    if (peer->restoring > 0) {
        reactor_timer_start(peer->check->reactor, &peer->again,
                            check_now() + check_scaled(RESTORE_AGAIN) * 1000000);
    }
}

// A subscription that failed is asked for again; one that is under way is not.
static void on_again(struct reactor_timer *timer) {
    struct peer *peer = (struct peer *)(void *)((char *)timer - offsetof(struct peer, again));
    struct topic *topic, *next;
    HASH_ITER(hh, peer->topics.all, topic, next) {
        if (peer->up && topic->restoring && topic->again) {
            restore_topic(peer, topic);
        }
    }
    come_back(peer);
}

void slots_restore(struct peer *peer) {
    struct topic *topic, *next;
    HASH_ITER(hh, peer->topics.all, topic, next) {
        if (peer->restores && (topic->subscribed || topic->restoring)) {
            restore_topic(peer, topic);
        }
    }
    peer->again.fn = on_again;
    come_back(peer);
}
