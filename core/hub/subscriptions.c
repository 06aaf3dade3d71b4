// SPDX-License-Identifier: MIT
#include "hub/subscriptions_priv.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub.h"
#include "hub/message.h"
#include "hub/rules.h"
#include "loop/timer.h"
#include "wshub/status.h"

enum { RETRY_MS = 1000 }; // of a channel of the hub's own that could not be subscribed

// ---- channels ----

static struct channel *find(struct worker *worker, struct span name, uint32_t hash) {
    struct channel *channel = NULL;
    HASH_FIND_BYHASHVALUE(hh, worker->channels, name.data, name.length, hash, channel);
    return channel;
}

static struct channel *find_by_name(struct worker *worker, struct span name) {
    return find(worker, name, map_hash(name.data, name.length, worker->instance->hash_seed));
}

static size_t last_offset(size_t name_length) {
    size_t align = _Alignof(struct message *);
    return (sizeof(struct channel) + name_length + align - 1) & ~(align - 1);
}

struct message **subscriptions_last_of(struct channel *channel) {
    return (struct message **)(void *)((char *)channel + last_offset(channel->ticket.name.length));
}

static void channel_free(struct channel *channel) {
    if (channel->keeps_last) {
        fanout_set_last(channel, NULL);
    }
    if (channel->subscribers != &channel->only) {
        free(channel->subscribers);
    }
    free(channel);
}

// The room behind the name: a pointer to the last value, then a position.
static struct channel *allocate(size_t name_length, const struct rule *rule) {
    size_t position = last_offset(name_length) + (rule->last_value ? sizeof(struct message *) : 0);
    size_t size = rule->history_size > 0 ? position + sizeof(struct position)
                  : rule->last_value     ? position
                                         : sizeof(struct channel) + name_length;
    struct channel *channel = calloc(1, size);
    if (channel && rule->history_size > 0) {
        channel->ticket.position = (struct position *)(void *)((char *)channel + position);
    }
    return channel;
}

static struct channel *channel_new(struct worker *worker, struct span name, uint32_t hash,
                                   const struct rule *rule, bool is_own) {
    struct channel *channel = allocate(name.length, rule);
    if (!channel) {
        return NULL;
    }
    memcpy(channel->name, name.data, name.length);
    channel->keeps_last = rule->last_value;
    channel->has_members = rule->presence;
    channel->is_own = is_own;
    channel->subscribers = &channel->only;
    channel->capacity = 1;
    channel->ticket.hash = hash;
    channel->ticket.worker = worker->index;
    channel->ticket.name = (struct span){channel->name, name.length};
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

void subscriptions_release(struct worker *worker, struct channel *channel) {
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
struct subscription *subscriptions_find(const struct session *session, const struct channel *channel) {
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

struct subscription *subscriptions_find_by_name(const struct session *session, struct span name) {
    struct channel *channel = find_by_name(session->worker, name);
    return channel ? subscriptions_find(session, channel) : NULL;
}

static struct subscription *allocate_subscription(const struct channel *channel) {
    bool has_extra = channel->ticket.position || channel->has_members;
    size_t size = sizeof(struct subscription) + (has_extra ? sizeof(struct subscription_extra) : 0);
    struct subscription *subscription = calloc(1, size);
    if (subscription) {
        subscription->has_extra = has_extra;
    }
    return subscription;
}

// What the session has missed is asked for once the channel is active. NULL: no memory.
static struct subscription *subscription_new(struct session *session, struct channel *channel,
                                             struct request *request) {
    bool recovers = request && request->position.epoch_length > 0;
    struct subscription *subscription = make_room(channel) ? allocate_subscription(channel) : NULL;
    struct catchup *catchup =
        subscription && recovers ? catchup_new(subscription, &request->position, request) : NULL;
    if (!subscription || (recovers && !catchup)) {
        free(subscription);
        return NULL;
    }
    subscription->session = session;
    subscription->channel = channel;
    subscription->next = session->subscriptions;
    subscription->index = channel->count;
    if (catchup) {
        subscriptions_set_catchup(subscription, catchup);
    }
    if (session->subscriptions) {
        session->subscriptions->previous = subscription;
    }
    session->subscriptions = subscription;
    session->subscription_count++;
    channel->subscribers[channel->count++] = (struct subscriber){session, subscription};
    counter_add(&session->worker->stats.subscriptions, !channel->is_own); // what clients have asked for
    return subscription;
}

static bool is_aside(struct subscription *subscription) {
    return subscription->undecided || catchup_of(subscription);
}

void subscriptions_set_undecided(struct subscription *subscription, bool undecided) {
    subscription->channel->aside -= is_aside(subscription);
    subscription->undecided = undecided;
    subscription->channel->aside += is_aside(subscription);
}

void subscriptions_set_catchup(struct subscription *subscription, struct catchup *catchup) {
    subscription->channel->aside -= is_aside(subscription);
    extra_of(subscription)->catchup = catchup;
    subscription->channel->aside += is_aside(subscription);
}

// The last takes the place of the one that goes. A fan-out runs from the end, so it misses nobody when the
// one that it serves goes.
void subscriptions_drop(struct subscription *subscription) {
    struct session *session = subscription->session;
    struct channel *channel = subscription->channel;
    channel->aside -= is_aside(subscription);
    memberships_end(subscription);
    if (catchup_of(subscription)) {
        catchup_drop(catchup_of(subscription));
    }
    struct subscriber last = channel->subscribers[--channel->count];
    channel->subscribers[subscription->index] = last;
    last.subscription->index = subscription->index;
    *(subscription->previous ? &subscription->previous->next : &session->subscriptions) = subscription->next;
    if (subscription->next) {
        subscription->next->previous = subscription->previous;
    }
    session->subscription_count--;
    counter_add(&session->worker->stats.subscriptions, -!channel->is_own);
    free(subscription);
}

// ---- subscribing ----

static void append_waiting(struct channel *channel, struct request *request) {
    request->next_waiting = NULL;
    *(channel->waiting_last ? &channel->waiting_last->next_waiting : &channel->waiting) = request;
    channel->waiting_last = request;
}

// Only what is new is taken back.
static enum error_code fail_to_add(struct worker *worker, struct channel *channel, bool is_new,
                                   const char **detail) {
    if (is_new && channel) {
        remove_from_table(worker, channel);
        channel_free(channel);
    }
    *detail = "out of memory";
    return ERROR_INTERNAL;
}

static void say_ok(struct session *session, const struct request *request, const struct channel *channel,
                   const struct position *position, enum recovered recovered) {
    struct span id = request_id(request);
    if (id.length > 0) {
        session_send(session, &(struct event){
                                  .kind = EVENT_OK,
                                  .id = id,
                                  .channel = channel->ticket.name,
                                  .position = position,
                                  .recovered = recovered,
                              });
    }
}

void subscriptions_welcome(struct subscription *subscription, const struct request *request,
                           const struct position *position, enum recovered recovered) {
    struct session *session = subscription->session;
    if (memberships_begin(subscription)) { // before the answer, behind which its client may look who is there
        say_ok(session, request, subscription->channel, position, recovered);
    } else {
        ws_close(&session->ws, WS_CLOSE_INTERNAL, "out of memory");
    }
}

// The channel is active.
static void answer_now(struct subscription *subscription, struct request *request) {
    struct session *session = subscription->session;
    struct channel *channel = subscription->channel;
    if (catchup_of(subscription)) {
        catchup_begin(catchup_of(subscription));
        return;
    }
    subscriptions_welcome(subscription, request, channel->ticket.position, RECOVERED_NOT_ASKED);
    if (channel->keeps_last && ws_is_open(&session->ws)) {
        fanout_send_last(subscription);
    }
    request_settle(request);
    free(request);
}

enum error_code subscriptions_add(struct session *session, const struct rule *rule, struct span name,
                                  struct request *request, const char **detail) {
    struct worker *worker = session->worker;
    uint32_t hash = map_hash(name.data, name.length, worker->instance->hash_seed);
    struct channel *channel = find(worker, name, hash);
    bool is_new = !channel;
    if (channel && subscriptions_find(session, channel)) {
        *detail = "this connection has subscribed to the channel already";
        return ERROR_ALREADY_SUBSCRIBED;
    }
    if (request && channel && channel->active &&
        atomic_load_explicit(&channel->ticket.lost, memory_order_relaxed)) {
        *detail = "the broker is not reachable";
        return ERROR_BROKER_UNAVAILABLE;
    }
    channel = channel ? channel : channel_new(worker, name, hash, rule, !request);
    struct subscription *subscription = channel ? subscription_new(session, channel, request) : NULL;
    if (!subscription) {
        return fail_to_add(worker, channel, is_new, detail);
    }
    if (request && channel->active) {
        answer_now(subscription, request);
    } else if (request) {
        append_waiting(channel, request);
    }
    if (is_new) {
        post(worker, channel, MAIL_SUBSCRIBE);
    }
    return ERROR_NONE;
}

// ---- unsubscribing ----

// The subscribe is answered before the unsubscribe: nothing that was missed has come, and it says so.
static void answer_early(struct subscription *subscription) {
    struct catchup *catchup = catchup_of(subscription);
    const struct request *request = catchup ? catchup_request(catchup) : NULL;
    if (request && subscription->channel->active) {
        say_ok(subscription->session, request, subscription->channel, subscription->channel->ticket.position,
               RECOVERED_NO);
    }
}

bool subscriptions_remove(struct session *session, struct span name, struct request *request, bool *waits) {
    struct worker *worker = session->worker;
    struct subscription *subscription = subscriptions_find_by_name(session, name);
    if (!subscription || subscription->channel->is_own) {
        return false;
    }
    struct channel *channel = subscription->channel;
    channel->delivering = true;
    answer_early(subscription);
    if (ws_is_open(&session->ws)) { // else it is gone with all of the session's
        subscriptions_drop(subscription);
    }
    channel->delivering = false;
    *waits = !channel->active;
    if (*waits) {
        request->leaves = true;
        append_waiting(channel, request); // answers keep the order of what was asked
    }
    subscriptions_release(worker, channel);
    catchup_proceed(session); // it may have been this one's turn
    return true;
}

void subscriptions_remove_all(struct session *session) {
    while (session->subscriptions) {
        struct channel *channel = session->subscriptions->channel;
        subscriptions_drop(session->subscriptions);
        subscriptions_release(session->worker, channel);
    }
}

// ---- what the hub says ----

static enum recovered recovered_of(const struct request *request) {
    return request->position.epoch_length > 0 ? RECOVERED_NO : RECOVERED_NOT_ASKED;
}

// False: its catch-up will answer it.
static bool answer(struct request *request, struct channel *channel, int status) {
    struct session *session = request->session;
    if (!session) {
        return true; // gone
    }
    struct subscription *subscription = request->leaves ? NULL : subscriptions_find(session, channel);
    struct catchup *catchup = subscription ? catchup_of(subscription) : NULL;
    if (request->status == WSHUB_DENIED) {
        session_error(session, request_id(request), ERROR_DENIED, "the grant was taken away meanwhile");
    } else if (request->leaves) {
        session_ok(session, request_id(request), channel->ticket.name);
    } else if (status != WSHUB_OK) {
        session_error(session, request_id(request), operations_error_of(status), operations_text_of(status));
    } else if (catchup && catchup_awaits(catchup, request)) {
        catchup_begin(catchup);
        return false;
    } else if (subscription) {
        subscriptions_welcome(subscription, request, channel->ticket.position, recovered_of(request));
    } else {
        say_ok(session, request, channel, channel->ticket.position, recovered_of(request)); // and has left
    }
    request_settle(request);
    return true;
}

// A failed subscribe leaves no trace (P2): the subscriptions go before anybody is told.
static void drop_subscribers(struct channel *channel) {
    while (channel->count > 0) {
        subscriptions_drop(channel->subscribers[channel->count - 1].subscription);
    }
}

static void retry_later(struct worker *worker, struct channel *channel) {
    channel->ticket.mail.next = worker->retries ? &worker->retries->ticket.mail : NULL;
    worker->retries = channel;
    if (!channel->ticket.mail.next) {
        timer_start(worker->retry, RETRY_MS, 0);
    }
}

void subscriptions_retry(void *context) {
    struct worker *worker = context;
    struct channel *channel = worker->retries, *next;
    worker->retries = NULL;
    for (; channel; channel = next) {
        next = (struct channel *)(void *)channel->ticket.mail.next; // a ticket's mail is its first member
        if (channel->count > 0) {
            post(worker, channel, MAIL_SUBSCRIBE);
        } else {
            remove_from_table(worker, channel);
            channel_free(channel);
        }
    }
}

static void refuse_all(struct worker *worker, struct channel *channel) {
    drop_subscribers(channel);
    remove_from_table(worker, channel); // who subscribes from within an answer starts anew
}

void subscriptions_confirmed(struct worker *worker, struct channel_ticket *ticket) {
    struct channel *channel = channel_of(ticket);
    struct request *request = channel->waiting;
    channel->waiting = channel->waiting_last = NULL;
    channel->active = ticket->status == WSHUB_OK;
    if (!channel->active && channel->is_own && channel->count > 0) {
        retry_later(worker, channel);
        return;
    }
    channel->delivering = true; // whatever closes meanwhile, it stays until all have their answer
    if (!channel->active) {
        refuse_all(worker, channel);
    }
    while (request) {
        struct request *next = request->next_waiting;
        if (answer(request, channel, ticket->status)) {
            free(request);
        }
        request = next;
    }
    channel->delivering = false;
    if (channel->active) {
        subscriptions_release(worker, channel);
    } else {
        channel_free(channel);
    }
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
