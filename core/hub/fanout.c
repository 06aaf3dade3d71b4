// SPDX-License-Identifier: MIT
// Messages to all who have subscribed on this worker: encoded once for each protocol, and shared.
#include <string.h>

#include "hub/message.h"
#include "hub/subscriptions_priv.h"
#include "protocol/json.h"
#include "util/utf8.h"

// ---- encoding ----

bool fanout_recognize(struct worker *worker, const struct message *message, struct span *payload,
                      enum payload_form *form) {
    *payload = message_payload(message);
    *form = PAYLOAD_JSON;
    if (message->is_json) {
        return true;
    }
    enum json_result result = json_read_value(worker->json, payload->data, payload->length, payload);
    if (result == JSON_INVALID) {
        *form = utf8_is_valid(payload->data, payload->length) ? PAYLOAD_TEXT : PAYLOAD_BINARY;
    }
    return result != JSON_NO_MEMORY;
}

// What a message of elsewhere carries may be anything; what a client of this instance has published is JSON.
static bool describe(struct worker *worker, const struct message *message, bool is_last,
                     struct event *event) {
    static const enum event_kind kinds[] = {
        [MESSAGE_PUBLISHED] = EVENT_MESSAGE, [MESSAGE_GAP] = EVENT_GAP,       [MESSAGE_JOIN] = EVENT_JOIN,
        [MESSAGE_LEAVE] = EVENT_LEAVE,       [MESSAGE_DIRECT] = EVENT_DIRECT,
    };
    *event = (struct event){.kind = kinds[message->kind], .message = message, .is_last = is_last};
    event->channel = message_channel(message);
    switch ((enum message_kind)message->kind) {
    case MESSAGE_GAP:
        return true;
    case MESSAGE_JOIN:
    case MESSAGE_LEAVE:
        event->payload = message_payload(message);
        return true;
    case MESSAGE_PUBLISHED:
    case MESSAGE_DIRECT:
        break;
    }
    return fanout_recognize(worker, message, &event->payload, &event->form);
}

struct frame *fanout_frame(struct worker *worker, const struct protocol *protocol,
                           const struct message *message, bool is_last) {
    struct event event;
    struct position position;
    bool described = describe(worker, message, is_last, &event);
    position_set(&position, message_epoch(message), message->offset);
    event.position = &position; // of a gap
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
        *frame = fanout_frame(worker, protocol, message, message->is_last);
    }
    return *frame;
}

// ---- to whom ----

bool fanout_is_excluded(const struct session *session, struct span exclude) {
    char id[SESSION_ID_LENGTH + 1];
    if (exclude.length == 0) {
        return false;
    }
    session_id(session, id);
    return memmem(exclude.data, exclude.length, id, SESSION_ID_LENGTH) != NULL;
}

void fanout_send(struct session *session, struct frame *frame) {
    if (frame) {
        counter_add(&session->worker->stats.messages_sent, ws_send(&session->ws, frame));
    } else {
        ws_close(&session->ws, WS_CLOSE_INTERNAL, "out of memory");
    }
}

static bool is_membership(const struct message *message) {
    return message->kind == MESSAGE_JOIN || message->kind == MESSAGE_LEAVE;
}

// Nobody is told of itself.
static bool may_watch(const struct subscription *subscription, const struct message *message) {
    return subscription->watches &&
           !fanout_is_excluded(subscription->session, message_sender(message)); // the member's connection
}

// Of no history: nothing brings it later.
static bool is_apart(const struct message *message) {
    return is_membership(message) ||
           (message->kind == MESSAGE_PUBLISHED && message->epoch_length == 0 && !message->is_last);
}

// What a history has comes later to who catches up. Of the rest it is told, where it may not have it.
static bool passes_by(struct subscription *subscription, const struct message *message) {
    const struct catchup *catchup = catchup_of(subscription);
    bool comes_later = catchup && message->kind == MESSAGE_PUBLISHED && message->epoch_length > 0;
    if (!subscription->undecided && (!catchup || (catchup_is_told(catchup) && is_apart(message)))) {
        return false;
    }
    subscription->missed |= !comes_later && (subscription->undecided || message->kind == MESSAGE_GAP);
    return true;
}

static bool gets(struct subscriber *subscriber, const struct channel *channel, const struct message *message,
                 struct span exclude) {
    return !fanout_is_excluded(subscriber->session, exclude) &&
           (!is_membership(message) || may_watch(subscriber->subscription, message)) &&
           (channel->aside == 0 || !passes_by(subscriber->subscription, message));
}

// ---- what is known of the channel ----

void fanout_set_last(struct channel *channel, struct message *message) {
    struct message **last = subscriptions_last_of(channel);
    if (message) {
        message_ref(message);
    }
    if (*last) {
        message_unref(*last);
    }
    *last = message;
}

void fanout_send_last(struct subscription *subscription) {
    struct session *session = subscription->session;
    const struct message *last = *subscriptions_last_of(subscription->channel);
    if (last && !fanout_is_excluded(session, message_exclude(last))) {
        struct frame *frame = fanout_frame(session->worker, session->protocol, last, true);
        fanout_send(session, frame);
        frame_unref(frame);
    }
}

// An empty message says that there is none any more.
static void keep_last(struct channel *channel, struct message *message) {
    if (message->kind == MESSAGE_PUBLISHED) {
        fanout_set_last(channel, message->payload_length > 0 ? message : NULL);
    } else if (message->forgets_last) {
        fanout_set_last(channel, NULL);
    }
}

// Where who subscribes now stands.
static void keep_position(struct channel *channel, const struct message *message) {
    struct position *position = channel->ticket.position;
    if (message->epoch_length == 0 || message->is_last) {
        return;
    }
    if (position_is_of(position, message_epoch(message))) {
        position->offset = message->offset;
    } else {
        position_set(position, message_epoch(message), message->offset);
    }
}

static void learn(struct channel *channel, struct message *message) {
    if (channel->keeps_last) {
        keep_last(channel, message);
    }
    if (channel->ticket.position) {
        keep_position(channel, message);
    }
}

bool fanout_tell_gap(struct subscription *subscription, const struct position *position) {
    struct channel *channel = subscription->channel;
    struct session *session = subscription->session;
    subscription->missed = false;
    bool told = session_send(
        session, &(struct event){.kind = EVENT_GAP, .channel = channel->ticket.name, .position = position});
    if (told && channel->keeps_last) {
        fanout_send_last(subscription);
        told = ws_is_open(&session->ws);
    }
    return told;
}

// ---- deliveries ----

static void to_channel(struct worker *worker, struct channel *channel, struct message *message) {
    struct frame *frames[PROTOCOL_COUNT] = {NULL};
    struct span exclude = message_exclude(message);
    learn(channel, message);
    channel->delivering = true;
    for (uint32_t i = channel->count; i-- > 0;) {
        struct session *session = channel->subscribers[i].session;
        if (gets(&channel->subscribers[i], channel, message, exclude)) {
            fanout_send(session, frame_for(worker, frames, session->protocol, message));
        }
    }
    channel->delivering = false;
    for (int i = 0; i < PROTOCOL_COUNT; i++) {
        frame_unref(frames[i]);
    }
    subscriptions_release(worker, channel);
}

void fanout_deliver(struct worker *worker, struct delivery *delivery) {
    struct message *message = delivery->message;
    if (delivery->ticket) { // there until it is released, if with nobody in it
        to_channel(worker, channel_of(delivery->ticket), message);
    } else {
        direct_deliver(worker, message);
    }
    counter_add(&worker->stats.delivered_bytes, (int64_t)message_weight(message));
    message_unref(message);
}
