// SPDX-License-Identifier: MIT
// A subscriber gets what it has missed before anything that is live. The hub answers in parts; what a part
// brings is queued as far as the client's outbox has room for it, and the rest is asked for again once that
// has drained. So a client reads at its own pace however much it has missed, and what waits for it is
// bounded.
//
//     CHANNEL ──confirmed──► ASKED ──answered──► sent, all of it ──► live
//                              ▲ └──────► sent, as much as fits ──► OUTBOX ──drained──┐
//                              │ └──a plugin decides first──► DECISION ──allowed──┐   │
//                              └──────────────────────────────────────────────────┴───┘
//
// Where live messages begin is the hub's: a whole answer stands in the mailbox right where they do.
#include <stdlib.h>

#include "hub/hub.h"
#include "hub/message.h"
#include "hub/subscriptions_priv.h"
#include "wshub/status.h"

enum stage {
    STAGE_CHANNEL,  // waits until the channel is active
    STAGE_ASKED,    // the recovery is the hub's
    STAGE_AT_HAND,  // its answer is being looked at
    STAGE_OUTBOX,   // waits until there is room for more
    STAGE_DECISION, // waits until a plugin has said that its subscriber may go on
};

struct catchup {
    struct recovery recovery; // first
    enum stage stage;
    size_t mark; // OUTBOX: below so many bytes queued there is room
};

enum { PART_MAX = 256 * 1024 };

static struct catchup *catchup_of_recovery(struct recovery *recovery) {
    return (struct catchup *)(void *)recovery; // recovery is the first member
}

// ---- how much at a time ----

// The hub reckons with the same.
static size_t part_of(const struct worker *worker) {
    size_t half = worker->server.outbox_max / 2;
    return half < PART_MAX ? half : PART_MAX;
}

// One that is larger than a part goes alone, when there is little else.
static bool has_room(const struct session *session, size_t length) {
    size_t part = part_of(session->worker), most = session->worker->server.outbox_max;
    return ws_queued(&session->ws) + length <= (ws_queued(&session->ws) < part / 2 ? most : part);
}

// Below it there is room for a frame of this length.
static size_t mark_for(const struct session *session, size_t length) {
    size_t low = part_of(session->worker) / 2, most = session->worker->server.outbox_max;
    size_t mark = length < most ? most - length + 1 : 1;
    return mark < low ? mark : low;
}

// ---- life ----

struct catchup *catchup_new(struct subscription *subscription, const struct position *since,
                            struct request *request) {
    struct catchup *catchup = calloc(1, sizeof *catchup);
    if (catchup) {
        catchup->recovery.subscription = subscription;
        catchup->recovery.request = request;
        catchup->recovery.since = *since;
        catchup->stage = STAGE_CHANNEL;
    }
    return catchup;
}

static void forget(struct catchup *catchup) {
    found_unref(catchup->recovery.found);
    free(catchup);
}

static void settle(struct request *request) {
    if (request) {
        request_settle(request);
        free(request);
    }
}

struct request *catchup_take_request(struct catchup *catchup) {
    struct request *request = catchup->recovery.request;
    catchup->recovery.request = NULL;
    return request;
}

const struct request *catchup_request(const struct catchup *catchup) {
    return catchup->recovery.request;
}

// What is asked already comes back, and until then the request counts against its session: who subscribes and
// unsubscribes on and on is held back by that.
void catchup_drop(struct catchup *catchup) {
    bool is_mine = catchup->stage != STAGE_CHANNEL; // before that the channel answers it
    catchup->recovery.subscription = NULL;
    if (catchup->stage != STAGE_ASKED && catchup->stage != STAGE_AT_HAND) {
        struct request *request = catchup_take_request(catchup);
        forget(catchup);
        settle(is_mine ? request : NULL);
    }
}

bool catchup_awaits(const struct catchup *catchup, const struct request *request) {
    return catchup->recovery.request == request;
}

bool catchup_is_told(const struct catchup *catchup) {
    return !catchup->recovery.request;
}

// ---- asking ----

static void ask(struct catchup *catchup) {
    struct recovery *recovery = &catchup->recovery;
    struct subscription *subscription = recovery->subscription;
    struct worker *worker = subscription->session->worker;
    catchup->stage = STAGE_ASKED;
    catchup->mark = part_of(worker) / 2;
    recovery->mail.kind = MAIL_RECOVER;
    recovery->next = NULL;
    recovery->worker = worker->index;
    recovery->ticket = &subscription->channel->ticket;
    worker_tell_hub(worker, &recovery->mail);
}

// Is it where the channel is? Then everything that comes is live.
static bool is_up_to_date(const struct catchup *catchup) {
    const struct position *now = catchup->recovery.subscription->channel->ticket.position;
    const struct position *since = &catchup->recovery.since;
    return now->epoch_length > 0 && position_is_of(now, position_epoch(since)) &&
           now->offset == since->offset;
}

static bool is_gone(const struct catchup *catchup) {
    return !catchup->recovery.subscription;
}

// What is live comes from now on: behind `position`. To be forgotten then; the subscription may be gone.
static void go_live(struct catchup *catchup, const struct position *position) {
    struct subscription *subscription = catchup->recovery.subscription;
    subscriptions_set_catchup(subscription, NULL);
    if (subscription->missed) {
        fanout_tell_gap(subscription, position);
    }
}

// Nothing was missed.
static void end_at_once(struct catchup *catchup) {
    struct subscription *subscription = catchup->recovery.subscription;
    struct position *now = subscription->channel->ticket.position;
    struct request *request = catchup_take_request(catchup);
    catchup->stage = STAGE_AT_HAND;
    if (request) {
        subscriptions_welcome(subscription, request, now, RECOVERED_YES);
    }
    if (!is_gone(catchup)) {
        go_live(catchup, now);
    }
    forget(catchup);
    settle(request); // last of all: a session that leaves waits for it
}

void catchup_begin(struct catchup *catchup) {
    if (is_up_to_date(catchup) && !catchup->recovery.subscription->undecided) {
        end_at_once(catchup);
    } else {
        ask(catchup);
    }
}

void catchup_resume(struct catchup *catchup) {
    if (catchup->stage == STAGE_OUTBOX) {
        catchup_proceed(catchup->recovery.subscription->session);
    } else if (catchup->stage == STAGE_DECISION) {
        catchup_begin(catchup);
    }
}

bool catchup_set_aside(struct subscription *subscription) {
    struct channel *channel = subscription->channel;
    if (!channel->active || !channel->ticket.position || channel->ticket.position->epoch_length == 0 ||
        catchup_of(subscription)) {
        return false;
    }
    struct catchup *catchup = catchup_new(subscription, channel->ticket.position, NULL);
    if (catchup) {
        catchup->stage = STAGE_DECISION;
        subscriptions_set_catchup(subscription, catchup);
    }
    return catchup != NULL;
}

// ---- pacing ----

// Of those that wait for room, the one that has had least. `*asked`: the hub is about to bring another one
// more.
static struct catchup *next_of(const struct session *session, bool *asked) {
    struct catchup *least = NULL;
    *asked = false;
    for (struct subscription *s = session->subscriptions; s; s = s->next) {
        struct catchup *catchup = catchup_of(s);
        *asked |= catchup && catchup->stage == STAGE_ASKED && catchup_is_told(catchup);
        if (catchup && catchup->stage == STAGE_OUTBOX && !s->undecided &&
            (!least || catchup->recovery.sent < least->recovery.sent)) {
            least = catchup;
        }
    }
    return least;
}

// One after the other: what they bring has to fit together.
void catchup_proceed(struct session *session) {
    bool asked = false;
    struct catchup *next = ws_is_open(&session->ws) ? next_of(session, &asked) : NULL;
    if (!next || asked) {
        return;
    }
    if (ws_queued(&session->ws) < next->mark) {
        ask(next);
    } else {
        ws_tell_below(&session->ws, next->mark);
    }
}

// ---- answers ----

// Frames of one answer, which many may have asked for.
struct encoded {
    struct worker *worker;
    struct found *found;
    struct frame **frames; // for each message as many as there are protocols; NULL: not made yet
};

static void clear(struct encoded *encoded) {
    size_t count = encoded->frames ? found_count(encoded->found) * PROTOCOL_COUNT : 0;
    for (size_t i = 0; i < count; i++) {
        frame_unref(encoded->frames[i]);
    }
    free(encoded->frames);
    found_unref(encoded->found);
    *encoded = (struct encoded){.worker = encoded->worker};
}

static bool prepare(struct encoded *encoded, struct found *found) {
    if (encoded->found != found) {
        clear(encoded);
        encoded->frames = calloc(found_count(found) * PROTOCOL_COUNT, sizeof(struct frame *));
        encoded->found = encoded->frames ? found : NULL;
        if (encoded->found) {
            found_ref(found);
        }
    }
    return encoded->found;
}

// NULL: no memory.
static struct frame *frame_at(struct encoded *encoded, size_t i, const struct protocol *protocol) {
    struct frame **frame = &encoded->frames[i * PROTOCOL_COUNT + (size_t)(protocol - protocols)];
    if (!*frame) {
        *frame = fanout_frame(encoded->worker, protocol, found_at(encoded->found, i), false);
    }
    return *frame;
}

// Sends what has room. True: that was all. Where it stands then is `since`.
static bool send_found(struct catchup *catchup, struct encoded *encoded) {
    struct recovery *recovery = &catchup->recovery;
    struct session *session = recovery->subscription->session;
    for (uint32_t i = recovery->from; i < recovery->until; i++) {
        const struct message *message = found_at(recovery->found, i);
        if (!fanout_is_excluded(session, message_exclude(message))) {
            struct frame *frame = frame_at(encoded, i, session->protocol);
            if (frame && !has_room(session, frame->length)) {
                catchup->mark = mark_for(session, frame->length);
                return false;
            }
            fanout_send(session, frame);
            if (is_gone(catchup)) {
                return false;
            }
        }
        recovery->since.offset = message->offset;
        recovery->sent++;
    }
    return recovery->whole;
}

// These are how an answer is taken. True: the catch-up is over, and to be forgotten.

static bool recover(struct catchup *catchup, const struct request *request, struct encoded *encoded) {
    struct recovery *recovery = &catchup->recovery;
    struct session *session = recovery->subscription->session;
    bool all = recovery->whole;
    if (request) {
        subscriptions_welcome(recovery->subscription, request, &recovery->position, RECOVERED_YES);
    }
    if (!is_gone(catchup) && recovery->found && recovery->from < recovery->until) {
        if (!prepare(encoded, recovery->found)) {
            ws_close(&session->ws, WS_CLOSE_INTERNAL, "out of memory");
            return true;
        }
        all = send_found(catchup, encoded);
    }
    if (all && !is_gone(catchup)) {
        go_live(catchup, &recovery->position);
    }
    return all || is_gone(catchup);
}

// Not all of it is there any more.
static bool give_up(struct catchup *catchup, const struct request *request) {
    struct recovery *recovery = &catchup->recovery;
    struct subscription *subscription = recovery->subscription;
    subscription->missed = !request;
    if (request) {
        subscriptions_welcome(subscription, request, &recovery->position, RECOVERED_NO);
    }
    if (!is_gone(catchup) && request && subscription->channel->keeps_last) {
        fanout_send_last(subscription);
    }
    if (!is_gone(catchup)) {
        go_live(catchup, &recovery->position);
    }
    return true;
}

// Nobody knows what was missed: the client keeps its position, and subscribes again.
static bool fail(struct catchup *catchup, const struct request *request) {
    struct subscription *subscription = catchup->recovery.subscription;
    struct session *session = subscription->session;
    struct channel *channel = subscription->channel;
    int status = catchup->recovery.status;
    subscriptions_drop(subscription);
    if (request) {
        session_error(session, request_id(request), operations_error_of(status), operations_text_of(status));
    } else {
        session_send(session, &(struct event){
                                  .kind = EVENT_UNSUBSCRIBED,
                                  .channel = channel->ticket.name,
                                  .word = error_words[operations_error_of(status)].name,
                              });
    }
    subscriptions_release(session->worker, channel);
    return true;
}

static void take(struct catchup *catchup, struct encoded *encoded) {
    struct recovery *recovery = &catchup->recovery;
    struct session *session = recovery->subscription->session;
    struct request *request = catchup_take_request(catchup);
    catchup->stage = STAGE_AT_HAND;
    bool is_over = recovery->status == WSHUB_OK          ? recover(catchup, request, encoded)
                   : recovery->status == WSHUB_NOT_FOUND ? give_up(catchup, request)
                                                         : fail(catchup, request);
    found_unref(recovery->found);
    recovery->found = NULL;
    catchup->stage = STAGE_OUTBOX;
    recovery->sent += recovery->sent == 0; // it is told, whatever it has got: the next is a later part
    if (is_over) {
        forget(catchup);
    }
    catchup_proceed(session);
    settle(request); // last of all: a session that leaves waits for it
}

// It is asked again then.
static void wait_for_decision(struct catchup *catchup) {
    found_unref(catchup->recovery.found);
    catchup->recovery.found = NULL;
    catchup->stage = STAGE_DECISION;
    catchup_proceed(catchup->recovery.subscription->session);
}

void catchup_answered(struct worker *worker, struct recovery *recovery) {
    struct encoded encoded = {.worker = worker};
    struct recovery *next;
    for (; recovery; recovery = next) {
        struct catchup *catchup = catchup_of_recovery(recovery);
        next = recovery->next;
        counter_add(&worker->stats.delivered_bytes, (int64_t)recovery->weight);
        if (is_gone(catchup)) {
            struct request *request = catchup_take_request(catchup);
            forget(catchup);
            settle(request);
        } else if (recovery->subscription->undecided) {
            wait_for_decision(catchup);
        } else {
            take(catchup, &encoded);
        }
    }
    clear(&encoded);
}
