// SPDX-License-Identifier: MIT
#include "hub/worker_priv.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "hub/access.h"
#include "hub/hub.h"
#include "hub/message.h"
#include "hub/rules.h"
#include "protocol/json.h"
#include "util/map.h"
#include "util/utf8.h"
#include "wshub/status.h"

struct subscription {
    struct session *session;
    struct channel *channel;
    struct subscription *previous, *next; // of the session's
    uint32_t index;                       // in the channel's subscribers
    bool undecided;                       // gets nothing before a plugin has said that it may
    bool missed;                          // and something has passed meanwhile
};

struct subscriber { // what a fan-out reads: the session without a detour
    struct session *session;
    struct subscription *subscription;
};

// A channel on this worker. It exists while it has a subscriber here, or waits for the hub's confirmation.
struct channel {
    struct channel_ticket ticket; // first
    struct subscriber *subscribers;
    struct subscriber only; // subscribers points here while there is room for one: most channels have one
    uint32_t count, capacity;
    uint32_t undecided;                     // of the subscribers
    bool active;                            // confirmed: messages are flowing
    bool delivering;                        // must not go just now
    bool keeps_last;                        // room for the last value stands behind the name
    struct request *waiting, *waiting_last; // to be answered, in this order, once it is confirmed
    UT_hash_handle hh;                      // beside the name, which a look-up reads with it
    char name[];
};

static struct channel *channel_of(struct channel_ticket *ticket) {
    return (struct channel *)(void *)ticket; // ticket is the first member
}

// ---- channels ----

static struct channel *find(struct worker *worker, struct span name, uint32_t hash) {
    struct channel *channel = NULL;
    HASH_FIND_BYHASHVALUE(hh, worker->channels, name.data, name.length, hash, channel);
    return channel;
}

static size_t last_offset(size_t name_length) {
    size_t align = _Alignof(struct message *);
    return (sizeof(struct channel) + name_length + align - 1) & ~(align - 1);
}

// Where the latest message is, for who subscribes while the channel is active; it is NULL when there is none,
// or none is known. To be asked only where keeps_last.
static struct message **last_of(struct channel *channel) {
    return (struct message **)(void *)((char *)channel + last_offset(channel->ticket.name.length));
}

static void set_last(struct channel *channel, struct message *message) {
    struct message **last = last_of(channel);
    if (message) {
        message_ref(message);
    }
    if (*last) {
        message_unref(*last);
    }
    *last = message;
}

static void channel_free(struct channel *channel) {
    if (channel->keeps_last) {
        set_last(channel, NULL);
    }
    if (channel->subscribers != &channel->only) {
        free(channel->subscribers);
    }
    free(channel);
}

static struct channel *channel_new(struct worker *worker, struct span name, uint32_t hash, bool keeps_last) {
    struct channel *channel = calloc(1, keeps_last ? last_offset(name.length) + sizeof(struct message *)
                                                   : sizeof *channel + name.length);
    if (!channel) {
        return NULL;
    }
    channel->keeps_last = keeps_last;
    memcpy(channel->name, name.data, name.length);
    channel->subscribers = &channel->only;
    channel->capacity = 1;
    channel->ticket = (struct channel_ticket){
        .hash = hash,
        .worker = worker->index,
        .name = {channel->name, name.length},
    };
    MAP_ADD(worker->channels, channel->name, name.length, hash, channel);
    if (!channel->hh.tbl) {
        free(channel);
        return NULL;
    }
    counter_add(&worker->stats.channels, 1);
    return channel;
}

static void remove_from_table(struct worker *worker, struct channel *channel) {
    HASH_DEL(worker->channels, channel);
    counter_add(&worker->stats.channels, -1);
}

static void post(struct worker *worker, struct channel *channel, enum mail_kind kind) {
    channel->ticket.mail.kind = kind;
    worker_tell_hub(worker, &channel->ticket.mail);
}

// Lets go of a channel that nobody wants; an unconfirmed one is looked at again when the hub has answered.
static void release_if_unused(struct worker *worker, struct channel *channel) {
    if (channel->count == 0 && channel->active && !channel->delivering) {
        channel->active = false;
        remove_from_table(worker, channel);
        post(worker, channel, MAIL_UNSUBSCRIBE);
    }
}

// ---- subscriptions ----

static bool make_room(struct channel *channel) {
    if (channel->count < channel->capacity) {
        return true;
    }
    uint32_t capacity = channel->capacity * 2;
    bool inside = channel->subscribers == &channel->only;
    struct subscriber *grown = realloc(inside ? NULL : channel->subscribers, capacity * sizeof *grown);
    if (!grown) {
        return false;
    }
    if (inside) {
        grown[0] = channel->only;
    }
    channel->subscribers = grown;
    channel->capacity = capacity;
    return true;
}

// Looks along the shorter side: the session's channels, or the channel's sessions.
static struct subscription *find_subscription(const struct session *session, const struct channel *channel) {
    if (session->subscription_count <= channel->count) {
        for (struct subscription *s = session->subscriptions; s; s = s->next) {
            if (s->channel == channel) {
                return s;
            }
        }
        return NULL;
    }
    for (uint32_t i = 0; i < channel->count; i++) {
        if (channel->subscribers[i].session == session) {
            return channel->subscribers[i].subscription;
        }
    }
    return NULL;
}

static bool subscription_new(struct session *session, struct channel *channel) {
    struct subscription *subscription = make_room(channel) ? malloc(sizeof *subscription) : NULL;
    if (!subscription) {
        return false;
    }
    *subscription = (struct subscription){
        .session = session,
        .channel = channel,
        .next = session->subscriptions,
        .index = channel->count,
    };
    if (session->subscriptions) {
        session->subscriptions->previous = subscription;
    }
    session->subscriptions = subscription;
    session->subscription_count++;
    channel->subscribers[channel->count++] = (struct subscriber){session, subscription};
    counter_add(&session->worker->stats.subscriptions, 1);
    return true;
}

// The last takes the place of the one that goes. A fan-out runs from the end, so it misses nobody when the
// one that it serves goes.
static void subscription_free(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct channel *channel = subscription->channel;
    struct subscriber last = channel->subscribers[--channel->count];
    channel->subscribers[subscription->index] = last;
    last.subscription->index = subscription->index;
    *(subscription->previous ? &subscription->previous->next : &session->subscriptions) = subscription->next;
    if (subscription->next) {
        subscription->next->previous = subscription->previous;
    }
    session->subscription_count--;
    channel->undecided -= subscription->undecided;
    counter_add(&session->worker->stats.subscriptions, -1);
    free(subscription);
}

static void append_waiting(struct channel *channel, struct request *request) {
    request->next_waiting = NULL;
    *(channel->waiting_last ? &channel->waiting_last->next_waiting : &channel->waiting) = request;
    channel->waiting_last = request;
}

enum error_code subscriptions_add(struct session *session, const struct rule *rule, struct span name,
                                  struct request *request, bool *waits, const char **detail) {
    struct worker *worker = session->worker;
    uint32_t hash = map_hash(name.data, name.length, worker->instance->hash_seed);
    struct channel *channel = find(worker, name, hash);
    bool is_new = !channel;
    if (channel && find_subscription(session, channel)) {
        *detail = "this connection has subscribed to the channel already";
        return ERROR_ALREADY_SUBSCRIBED;
    }
    if (channel && channel->active && atomic_load_explicit(&channel->ticket.lost, memory_order_relaxed)) {
        *detail = "the broker is not reachable";
        return ERROR_BROKER_UNAVAILABLE;
    }
    if (is_new && !(channel = channel_new(worker, name, hash, rule->last_value))) {
        *detail = "out of memory";
        return ERROR_INTERNAL;
    }
    if (!subscription_new(session, channel)) {
        if (is_new) {
            remove_from_table(worker, channel);
            channel_free(channel);
        }
        *detail = "out of memory";
        return ERROR_INTERNAL;
    }
    *waits = !channel->active;
    if (*waits) {
        append_waiting(channel, request);
    }
    if (is_new) {
        post(worker, channel, MAIL_SUBSCRIBE);
    }
    return ERROR_NONE;
}

static struct subscription *find_by_name(const struct session *session, struct span name) {
    struct worker *worker = session->worker;
    uint32_t hash = map_hash(name.data, name.length, worker->instance->hash_seed);
    struct channel *channel = find(worker, name, hash);
    return channel ? find_subscription(session, channel) : NULL;
}

bool subscriptions_remove(struct session *session, struct span name, struct request *request, bool *waits) {
    struct worker *worker = session->worker;
    struct subscription *subscription = find_by_name(session, name);
    if (!subscription) {
        return false;
    }
    struct channel *channel = subscription->channel;
    subscription_free(subscription);
    *waits = !channel->active;
    if (*waits) {
        request->leaves = true;
        append_waiting(channel, request); // answers keep the order of what was asked
    }
    release_if_unused(worker, channel);
    return true;
}

void subscriptions_remove_all(struct session *session) {
    while (session->subscriptions) {
        struct channel *channel = session->subscriptions->channel;
        subscription_free(session->subscriptions);
        release_if_unused(session->worker, channel);
    }
}

// ---- another identity ----

// The request of a subscription that is not confirmed yet.
static struct request *waiting_request(const struct subscription *subscription) {
    struct request *found = NULL;
    for (struct request *request = subscription->channel->waiting; request; request = request->next_waiting) {
        if (request->session == subscription->session && !request->leaves) {
            found = request;
        }
    }
    return found;
}

// Who waits for the answer to a subscribe gets it, and it is a no.
static void take_away(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct channel *channel = subscription->channel;
    struct request *request = waiting_request(subscription);
    subscription_free(subscription);
    if (request) {
        request->status = WSHUB_DENIED;
    } else {
        session_send(session, &(struct event){
                                  .kind = EVENT_UNSUBSCRIBED,
                                  .channel = channel->ticket.name,
                                  .word = "revoked",
                              });
    }
    release_if_unused(session->worker, channel);
}

static void set_undecided(struct subscription *subscription, bool undecided) {
    subscription->channel->undecided += undecided;
    subscription->channel->undecided -= subscription->undecided;
    subscription->undecided = undecided;
}

static void tell_missed(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct span name = subscription->channel->ticket.name;
    subscription->missed = false;
    if (session_send(session, &(struct event){.kind = EVENT_GAP, .channel = name})) {
        subscriptions_send_last(session, name);
    }
}

void subscriptions_review(struct session *session) {
    const struct config *config = session->worker->instance->config;
    struct subscription *next;
    for (struct subscription *s = session->subscriptions; s && ws_is_open(&session->ws); s = next) {
        struct span name = s->channel->ticket.name;
        struct rule rule = rules_find(config, name);
        enum access_answer answer = access_may(session, WSHUB_VERB_SUBSCRIBE, rule.subscribe, name);
        next = s->next;
        set_undecided(s, answer == ACCESS_ASK);
        if (answer == ACCESS_NO) {
            take_away(s);
        }
    }
}

bool subscriptions_undecided(const struct session *session, struct span *name) {
    for (const struct subscription *s = session->subscriptions; s; s = s->next) {
        if (s->undecided) {
            *name = s->channel->ticket.name;
            return true;
        }
    }
    return false;
}

void subscriptions_decide(struct session *session, struct span name, bool allowed) {
    struct subscription *subscription = find_by_name(session, name);
    if (!subscription || !subscription->undecided) { // it may have failed meanwhile
        return;
    }
    set_undecided(subscription, false);
    if (!allowed) {
        take_away(subscription);
    } else if (subscription->missed) {
        tell_missed(subscription);
    }
}

// ---- what the hub says ----

static void answer(struct request *request, const struct channel *channel, int status) {
    struct session *session = request->session;
    if (!session) {
        return; // gone
    }
    if (request->status == WSHUB_DENIED) {
        session_error(session, request_id(request), ERROR_DENIED, "the grant was taken away meanwhile");
    } else if (status == WSHUB_OK || request->leaves) {
        session_ok(session, request_id(request), channel->ticket.name);
    } else {
        session_error(session, request_id(request), operations_error_of(status), operations_text_of(status));
    }
    request_settle(request);
}

// A failed subscribe leaves no trace (P2): the subscriptions go before anybody is told.
static void drop_subscribers(struct channel *channel) {
    while (channel->count > 0) {
        subscription_free(channel->subscribers[channel->count - 1].subscription);
    }
}

void subscriptions_confirmed(struct worker *worker, struct channel_ticket *ticket) {
    struct channel *channel = channel_of(ticket);
    struct request *request = channel->waiting;
    channel->waiting = channel->waiting_last = NULL;
    channel->active = ticket->status == WSHUB_OK;
    channel->delivering = true; // whatever closes meanwhile, it stays until all have their answer
    if (!channel->active) {
        drop_subscribers(channel);
        remove_from_table(worker, channel); // who subscribes from within an answer starts anew
    }
    while (request) {
        struct request *next = request->next_waiting;
        answer(request, channel, ticket->status);
        free(request);
        request = next;
    }
    channel->delivering = false;
    if (channel->active) {
        release_if_unused(worker, channel);
    } else {
        channel_free(channel);
    }
}

// ---- fan-out ----

// What a message of elsewhere carries may be anything; what a client of this instance has published is JSON.
static bool recognize(struct worker *worker, const struct message *message, struct event *event) {
    event->payload = message_payload(message);
    event->form = PAYLOAD_JSON;
    if (message->is_json) {
        return true;
    }
    enum json_result result =
        json_read_value(worker->json, event->payload.data, event->payload.length, &event->payload);
    if (result == JSON_INVALID) {
        bool is_text = utf8_is_valid(event->payload.data, event->payload.length);
        event->form = is_text ? PAYLOAD_TEXT : PAYLOAD_BINARY;
    }
    return result != JSON_NO_MEMORY;
}

static bool describe(struct worker *worker, const struct message *message, bool is_last,
                     struct event *event) {
    *event = (struct event){
        .kind = message->kind == MESSAGE_GAP ? EVENT_GAP : EVENT_MESSAGE,
        .message = message,
        .is_last = is_last,
    };
    event->channel = message_channel(message);
    return message->kind == MESSAGE_GAP || recognize(worker, message, event);
}

// NULL: no memory. What no outbox could take is not sent; its loss is told instead.
static struct frame *make_frame(struct worker *worker, const struct protocol *protocol,
                                const struct message *message, bool is_last) {
    struct event event;
    bool described = describe(worker, message, is_last, &event);
    struct frame *frame = described ? session_encode(worker, protocol, &event) : NULL;
    if (frame && frame->length > worker->server.outbox_max) {
        frame_unref(frame);
        event.kind = EVENT_GAP;
        frame = session_encode(worker, protocol, &event);
    }
    return frame;
}

// One frame for each protocol that a subscriber speaks, made when the first one needs it.
static struct frame *frame_for(struct worker *worker, struct frame **frames, const struct protocol *protocol,
                               const struct message *message) {
    struct frame **frame = &frames[protocol - protocols];
    if (!*frame) {
        *frame = make_frame(worker, protocol, message, message->is_last);
    }
    return *frame;
}

static bool is_excluded(const struct session *session, struct span exclude) {
    char id[SESSION_ID_LENGTH + 1];
    if (exclude.length == 0) {
        return false;
    }
    session_id(session, id);
    return memmem(exclude.data, exclude.length, id, SESSION_ID_LENGTH) != NULL;
}

static void send_or_close(struct session *session, struct frame *frame) {
    if (frame) {
        counter_add(&session->worker->stats.messages_sent, ws_send(&session->ws, frame));
    } else {
        ws_close(&session->ws, WS_CLOSE_INTERNAL, "out of memory");
    }
}

void subscriptions_send_last(struct session *session, struct span name) {
    struct worker *worker = session->worker;
    struct channel *channel =
        find(worker, name, map_hash(name.data, name.length, worker->instance->hash_seed));
    const struct message *last = channel && channel->keeps_last ? *last_of(channel) : NULL;
    if (last && !is_excluded(session, message_exclude(last))) {
        struct frame *frame = make_frame(worker, session->protocol, last, true);
        send_or_close(session, frame);
        frame_unref(frame);
    }
}

// An empty message says that there is none any more.
static void keep_last(struct channel *channel, struct message *message) {
    if (message->kind != MESSAGE_GAP) {
        set_last(channel, message->payload_length > 0 ? message : NULL);
    } else if (message->forgets_last) {
        set_last(channel, NULL);
    }
}

static bool passes_by(struct subscription *subscription) {
    subscription->missed |= subscription->undecided;
    return subscription->undecided;
}

void subscriptions_deliver(struct worker *worker, struct delivery *delivery) {
    struct message *message = delivery->message;
    struct channel *channel =
        channel_of(delivery->ticket); // there until it is released, if with nobody in it
    struct frame *frames[PROTOCOL_COUNT] = {NULL};
    struct span exclude = message_exclude(message);
    if (channel->keeps_last) {
        keep_last(channel, message);
    }
    channel->delivering = true;
    for (uint32_t i = channel->count; i-- > 0;) {
        struct session *session = channel->subscribers[i].session;
        if (is_excluded(session, exclude) ||
            (channel->undecided > 0 && passes_by(channel->subscribers[i].subscription))) {
            continue;
        }
        send_or_close(session, frame_for(worker, frames, session->protocol, message));
    }
    channel->delivering = false;
    for (int i = 0; i < PROTOCOL_COUNT; i++) {
        frame_unref(frames[i]);
    }
    release_if_unused(worker, channel);
    counter_add(&worker->stats.delivered_bytes, (int64_t)message_weight(message));
    message_unref(message);
}

void subscriptions_released(struct channel_ticket *ticket) {
    channel_free(channel_of(ticket));
}

void subscriptions_free(struct worker *worker) {
    struct channel *channel, *next;
    HASH_ITER(hh, worker->channels, channel, next) {
        remove_from_table(worker, channel);
        while (channel->waiting) {
            struct request *request = channel->waiting;
            channel->waiting = request->next_waiting;
            free(request);
        }
        channel_free(channel);
    }
}
