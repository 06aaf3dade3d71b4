// SPDX-License-Identifier: MIT
// The operations that ask the hub for something: history, presence, and send, which asks it to find somebody.
// Each ends in exactly one answer.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "hub/access.h"
#include "hub/asks.h"
#include "hub/digest.h"
#include "hub/message.h"
#include "hub/operations_priv.h"
#include "hub/rules.h"
#include "hub/subscriptions_priv.h"
#include "wshub/status.h"

enum { HISTORY_LIMIT = 100 };

static void post(struct worker *worker, struct request *request, enum mail_kind kind) {
    request->mail.kind = kind;
    request->asked = (uint8_t)kind;
    worker_tell_hub(worker, &request->mail);
}

static void finish(struct request *request) {
    request_settle(request);
    if (request->message) {
        message_unref(request->message);
    }
    ask_free(request->ask);
    free(request);
}

// A request with what it asks for, copied. NULL: it was refused.
static struct request *question(struct session *session, const struct operation *operation,
                                struct span target) {
    size_t extra = sizeof(struct ask) + operation->channel.length + target.length + operation->data.length;
    struct request *request = request_new(session, operation->id, extra);
    if (request && !(request->ask = ask_new(operation->channel, target))) {
        finish(request);
        request = NULL;
    }
    if (!request) {
        operations_refuse(session, operation, ERROR_INTERNAL, "out of memory");
    }
    return request;
}

void questions_do_history(struct session *session, const struct operation *operation) {
    struct rule rule = rules_find(session->worker->instance->config, operation->channel);
    if (!operations_check_channel(session, operation, WSHUB_VERB_HISTORY, rule.subscribe)) {
        return;
    }
    if (rule.history_size == 0) {
        operations_refuse(session, operation, ERROR_UNSUPPORTED, "this channel keeps no history");
        return;
    }
    struct request *request = question(session, operation, (struct span){0});
    if (request) {
        position_set(&request->ask->since, operation->epoch, operation->offset);
        request->ask->backwards = operation->backwards;
        request->ask->limit = operation->has_limit ? operation->limit : HISTORY_LIMIT;
        post(session->worker, request, MAIL_HISTORY);
    }
}

void questions_do_presence(struct session *session, const struct operation *operation) {
    struct rule rule = rules_find(session->worker->instance->config, operation->channel);
    if (!operations_check_channel(session, operation, WSHUB_VERB_PRESENCE, rule.subscribe)) {
        return;
    }
    if (!rule.presence) {
        operations_refuse(session, operation, ERROR_UNSUPPORTED, "this channel does not tell who is there");
        return;
    }
    struct request *request = question(session, operation, (struct span){0});
    if (request) {
        request->ask->count_only = operation->count_only;
        post(session->worker, request, MAIL_PRESENCE);
    }
}

// ---- send ----

// The names of channels that lead to one: of its own, for a connection and for a user.
_Static_assert(sizeof MESSAGE_CONNECTION_PREFIX - 1 + SESSION_ID_LENGTH <= CHANNEL_NAME_MAX,
               "it is a channel");

static bool name_target(const struct operation *operation, char out[CHANNEL_NAME_MAX + 1]) {
    if (operation->to_user.length > 0) {
        return digest_user_channel(operation->to_user, out);
    }
    snprintf(out, CHANNEL_NAME_MAX + 1, MESSAGE_CONNECTION_PREFIX "%.*s",
             (int)operation->to_connection.length, operation->to_connection.data);
    return true;
}

void questions_do_send(struct session *session, const struct operation *operation) {
    bool to_user = operation->to_user.length > 0;
    char name[CHANNEL_NAME_MAX + 1];
    if (!operations_check(session, operation, WSHUB_VERB_SEND,
                          rules_who_sends(session->worker->instance->config))) {
        return;
    }
    struct request *request =
        question(session, operation, to_user ? operation->to_user : operation->to_connection);
    if (!request) {
        return;
    }
    struct operation addressed = *operation;
    if (name_target(operation, name)) {
        addressed.channel = (struct span){name, strlen(name)};
        request->message = operations_message(session, &addressed);
    }
    if (!request->message) {
        operations_refuse(session, operation, ERROR_INTERNAL, "out of memory");
        finish(request);
        return;
    }
    request->message->kind = MESSAGE_DIRECT;
    request->ask->to = to_user ? ASK_USER : ASK_CONNECTION;
    post(session->worker, request, MAIL_SEND);
}

// ---- answers ----

// What of a page this session may see.
static size_t fill(struct session *session, const struct ask *ask, struct page_item *items) {
    size_t count = 0, found = ask->found ? found_count(ask->found) : 0;
    for (size_t i = 0; i < found; i++) {
        struct page_item *item = &items[count];
        item->message = found_at(ask->found, i);
        if (fanout_is_excluded(session, message_exclude(item->message))) {
            continue;
        }
        if (!fanout_recognize(session->worker, item->message, &item->payload, &item->form)) {
            return SIZE_MAX;
        }
        count++;
    }
    return count;
}

static void send_answer(struct session *session, const struct event *event) {
    struct worker *worker = session->worker;
    struct frame *frame = session_encode(worker, session->protocol, event);
    if (frame && frame->length > worker->server.outbox_max) {
        session_error(session, event->id, ERROR_TOO_LARGE, "the answer is larger than limits.outbox");
    } else if (frame) {
        ws_send(&session->ws, frame);
    } else {
        ws_close(&session->ws, WS_CLOSE_INTERNAL, "out of memory");
    }
    frame_unref(frame);
}

static void tell_history(struct session *session, const struct request *request) {
    const struct ask *ask = request->ask;
    size_t found = ask->found ? found_count(ask->found) : 0;
    struct page_item *items = calloc(found + 1, sizeof *items);
    size_t count = items ? fill(session, ask, items) : SIZE_MAX;
    struct position next = request->position;
    if (count == SIZE_MAX) {
        session_error(session, request_id(request), ERROR_INTERNAL, "out of memory");
        free(items);
        return;
    }
    if (found > 0) {
        next.offset = found_at(ask->found, found - 1)->offset;
    }
    const struct page page = {
        .items = items,
        .count = count,
        .room = session->worker->server.outbox_max / 2,
        .more = ask->more,
        .next = &next,
    };
    send_answer(session, &(struct event){
                             .kind = EVENT_OK,
                             .id = request_id(request),
                             .channel = ask->channel,
                             .position = &request->position,
                             .page = &page,
                         });
    free(items);
}

static void tell_presence(struct session *session, const struct request *request) {
    send_answer(session, &(struct event){
                             .kind = EVENT_OK,
                             .id = request_id(request),
                             .channel = request->ask->channel,
                             .ask = request->ask,
                         });
}

static void tell_sent(struct session *session, const struct request *request) {
    session_ok(session, request_id(request), (struct span){0});
}

static const struct kind {
    void (*tell)(struct session *session, const struct request *request);
    enum error_code not_found; // what that status means here
    const char *detail;
} kinds[] = {
    [MAIL_HISTORY] = {tell_history, ERROR_NOT_FOUND,
                      "what follows \"since\" is not there any more: begin anew, without it"},
    [MAIL_PRESENCE] = {tell_presence, ERROR_INTERNAL, "the broker plugin failed"},
    [MAIL_SEND] = {tell_sent, ERROR_NOT_FOUND, "this user or connection is not connected"},
};

void questions_answered(struct request *request) {
    struct session *session = request->session;
    const struct kind *kind = &kinds[request->asked];
    if (session && request->status == WSHUB_OK) {
        if (request->id_length > 0) {
            kind->tell(session, request);
        }
    } else if (session && request->status == WSHUB_NOT_FOUND) {
        session_error(session, request_id(request), kind->not_found, kind->detail);
    } else if (session) {
        session_error(session, request_id(request), operations_error_of(request->status),
                      operations_text_of(request->status));
    }
    finish(request);
}
