// SPDX-License-Identifier: MIT
// What a client's operations do. The protocol has decoded them; every path ends in exactly one answer, or a
// close.
#include "hub/operations_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "hub/access.h"
#include "hub/digest.h"
#include "hub/hub.h"
#include "hub/message.h"
#include "hub/rules.h"
#include "loop/loop.h"
#include "plugin/broker.h"
#include "plugin/probe.h"
#include "util/map.h"
#include "wshub/broker.h"
#include "wshub/status.h"

// ---- words for a broker's status ----

static const struct {
    enum error_code error;
    const char *text;
} statuses[] = {
    [-WSHUB_OK] = {ERROR_NONE, ""},
    [-WSHUB_NO_MEMORY] = {ERROR_INTERNAL, "out of memory"},
    [-WSHUB_INVALID] = {ERROR_BAD_REQUEST, "the broker cannot take this"},
    [-WSHUB_UNAVAILABLE] = {ERROR_BROKER_UNAVAILABLE, "the broker is not reachable"},
    [-WSHUB_TIMEOUT] = {ERROR_TIMEOUT, "the broker did not answer in time"},
    [-WSHUB_DENIED] = {ERROR_DENIED, "the broker refused it"},
    [-WSHUB_TOO_LARGE] = {ERROR_TOO_LARGE, "larger than the broker takes"},
    [-WSHUB_UNSUPPORTED] = {ERROR_UNSUPPORTED, "the broker cannot do that"},
    [-WSHUB_CLOSED] = {ERROR_BROKER_UNAVAILABLE, "this instance is shutting down"},
    [-WSHUB_INTERNAL] = {ERROR_INTERNAL, "the broker plugin failed"},
    [-WSHUB_NOT_FOUND] = {ERROR_INTERNAL, "the broker plugin failed"}, // who looks something up says more
};

static size_t status_index(int status) {
    bool known = status <= 0 && (size_t)-status < sizeof statuses / sizeof *statuses;
    return (size_t) - (known ? status : WSHUB_INTERNAL);
}

enum error_code operations_error_of(int status) {
    return status == REQUEST_OVERLOADED ? ERROR_TIMEOUT : statuses[status_index(status)].error;
}

const char *operations_text_of(int status) {
    return status == REQUEST_OVERLOADED ? "this instance is overloaded: the message was not taken"
                                        : statuses[status_index(status)].text;
}

enum { OPERATIONS_TARGET_MAX = sizeof "connection:" + SESSION_ID_LENGTH };

// ---- who may ----

static bool is_reserved(struct span channel) {
    size_t length = strlen(PROBE_RESERVED_PREFIX);
    return channel.length >= length && memcmp(channel.data, PROBE_RESERVED_PREFIX, length) == 0;
}

// A token bucket that holds one second's operations.
static bool is_within_rate(struct session *session) {
    struct worker *worker = session->worker;
    uint64_t per_second = worker->instance->config->limits.operations_per_second;
    if (per_second == 0) {
        return true;
    }
    uint64_t now = loop_now(worker->loop);
    uint64_t allowance = session->allowance + (now - session->allowance_time) * per_second;
    if (allowance > per_second * 1000) {
        allowance = per_second * 1000;
    }
    session->allowance_time = now;
    session->allowance = (uint32_t)(allowance < 1000 ? allowance : allowance - 1000);
    return allowance >= 1000;
}

void operations_refuse(struct session *session, const struct operation *operation, enum error_code code,
                       const char *detail) {
    session_error(session, operation->id, code, detail);
}

static bool refuse(struct session *session, const struct operation *operation, enum error_code code,
                   const char *detail) {
    operations_refuse(session, operation, code, detail);
    return false;
}

static const struct {
    const char *does, *fixed; // to a name; where no reason may be told
} denials[VERB_COUNT] = {
    [VERB_SUBSCRIBE] = {"subscribe to", "subscribing to this channel is not allowed"},
    [VERB_PUBLISH] = {"publish to", "publishing to this channel is not allowed"},
    [VERB_HISTORY] = {"history of", "the history of this channel is not for all"},
    [VERB_PRESENCE] = {"presence of", "who is in this channel is not for all"},
    [VERB_SEND] = {"send to", "sending is not allowed"},
};

// What grants are about: a channel; of a send, whom it is for.
static struct span name_of(const struct operation *operation, char target[OPERATIONS_TARGET_MAX]) {
    if (operation->verb != VERB_SEND) {
        return operation->channel;
    }
    if (operation->to_user.length > 0) {
        return operation->to_user;
    }
    int length = snprintf(target, OPERATIONS_TARGET_MAX, "connection:%.*s",
                          (int)operation->to_connection.length, operation->to_connection.data);
    return (struct span){target, (size_t)length};
}

// What is told of who may not, where the configuration says `who`.
static void deny(struct session *session, const struct operation *operation, enum config_who who) {
    char target[OPERATIONS_TARGET_MAX];
    struct span name = name_of(operation, target);
    char text[sizeof "subscribe to \"\" is for users, and this connection has none" + CHANNEL_NAME_MAX];
    bool has_reason = session->access && (who == CONFIG_WHO_GRANTED || who == CONFIG_WHO_USER);
    snprintf(text, sizeof text, "%s \"%.*s\" is %s", denials[operation->verb].does, (int)name.length,
             name.data, who == CONFIG_WHO_USER ? "for users, and this connection has none" : "not granted");
    refuse(session, operation, ERROR_DENIED, has_reason ? text : denials[operation->verb].fixed);
}

void operations_deny(struct session *session, const struct operation *operation) {
    deny(session, operation, CONFIG_WHO_GRANTED);
}

bool operations_check(struct session *session, const struct operation *operation, enum wshub_verb verb,
                      enum config_who who) {
    char target[OPERATIONS_TARGET_MAX];
    struct span name = name_of(operation, target);
    enum access_answer answer = access_may(session, verb, who, name);
    if (answer == ACCESS_ASK) {
        access_ask(session, verb, name, operation);
    } else if (answer == ACCESS_NO) {
        deny(session, operation, who);
    }
    return answer == ACCESS_YES;
}

bool operations_check_channel(struct session *session, const struct operation *operation,
                              enum wshub_verb verb, enum config_who who) {
    const char *wrong = channel_name_error(operation->channel);
    if (wrong) {
        return refuse(session, operation, ERROR_BAD_REQUEST, wrong);
    }
    if (is_reserved(operation->channel)) {
        return refuse(session, operation, ERROR_DENIED,
                      "channels that begin with " PROBE_RESERVED_PREFIX " are the hub's own");
    }
    return operations_check(session, operation, verb, who);
}

// ---- the operations ----

static struct request *request_or_refuse(struct session *session, const struct operation *operation,
                                         size_t extra) {
    struct request *request = request_new(session, operation->id, extra);
    if (!request) {
        refuse(session, operation, ERROR_INTERNAL, "out of memory");
    }
    return request;
}

static void drop_request(struct request *request) {
    request_settle(request);
    free(request);
}

// A user's own channel is no channel of the client's.
static uint32_t channels_of(const struct session *session) {
    return session->subscription_count - session->has_own;
}

static bool may_subscribe(struct session *session, const struct operation *operation,
                          const struct rule *rule) {
    const struct config *config = session->worker->instance->config;
    if (!operations_check_channel(session, operation, WSHUB_VERB_SUBSCRIBE, rule->subscribe)) {
        return false;
    }
    if (operation->has_position && rule->history_size == 0) {
        return refuse(session, operation, ERROR_UNSUPPORTED, "this channel keeps no history to recover from");
    }
    if (channels_of(session) >= config->limits.channels_per_connection) {
        return refuse(session, operation, ERROR_LIMIT, "as many channels as one connection may have");
    }
    return true;
}

static void do_subscribe(struct session *session, const struct operation *operation) {
    const char *detail = NULL;
    struct rule rule = rules_find(session->worker->instance->config, operation->channel);
    struct request *request =
        may_subscribe(session, operation, &rule) ? request_or_refuse(session, operation, 0) : NULL;
    if (!request) {
        return;
    }
    position_set(&request->position, operation->epoch, operation->offset);
    enum error_code error = subscriptions_add(session, &rule, operation->channel, request, &detail);
    if (error != ERROR_NONE) {
        refuse(session, operation, error, detail);
        drop_request(request);
    }
}

static void do_unsubscribe(struct session *session, const struct operation *operation) {
    const char *wrong = channel_name_error(operation->channel);
    bool waits = false;
    if (wrong) {
        refuse(session, operation, ERROR_BAD_REQUEST, wrong);
        return;
    }
    struct request *request = request_or_refuse(session, operation, 0);
    if (!request) {
        return;
    }
    bool removed = subscriptions_remove(session, operation->channel, request, &waits);
    if (waits) {
        return;
    }
    if (removed) {
        session_ok(session, operation->id, operation->channel);
    } else {
        refuse(session, operation, ERROR_NOT_SUBSCRIBED, "this connection has not subscribed to the channel");
    }
    drop_request(request);
}

// A client's key is made one of its user's: two users do not know of each other's.
static bool has_key(const struct session *session, const struct operation *operation,
                    char out[DIGEST_LENGTH + 1]) {
    out[0] = '\0';
    return operation->key.length == 0 ||
           digest_of(identity_user(access_identity(session)), operation->key, out);
}

struct message *operations_message(const struct session *session, const struct operation *operation) {
    char id[SESSION_ID_LENGTH + 1], key[DIGEST_LENGTH + 1];
    struct span user = identity_user(access_identity(session));
    session_id(session, id);
    if (!has_key(session, operation, key)) {
        return NULL;
    }
    struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {operation->channel.data, operation->channel.length},
        .payload = {operation->data.data, operation->data.length},
        .sender = {id, SESSION_ID_LENGTH},
        .sender_user = {user.data, user.length},
        .exclude = {operation->exclude.data, operation->exclude.length},
        .key = {key, strlen(key)},
    };
    struct message *made = message_new(&message, session->worker->instance->worker_count);
    if (made) {
        made->is_json = true; // the protocol has read it
    }
    return made;
}

static bool may_have_key(struct session *session, const struct operation *operation,
                         const struct rule *rule) {
    const struct hub *hub = session->worker->instance->hub;
    if (operation->key.length == 0) {
        return true;
    }
    if (rule->history_size == 0) {
        return refuse(session, operation, ERROR_UNSUPPORTED,
                      "this channel keeps no history to know a key by");
    }
    return broker_can(hub_broker(hub, (unsigned)rule->history_broker), WSHUB_BROKER_IDEMPOTENT) ||
           refuse(session, operation, ERROR_UNSUPPORTED, "the broker of this channel knows no keys");
}

static void do_publish(struct session *session, const struct operation *operation) {
    struct worker *worker = session->worker;
    struct rule rule = rules_find(worker->instance->config, operation->channel);
    if (!operations_check_channel(session, operation, WSHUB_VERB_PUBLISH, rule.publish) ||
        !may_have_key(session, operation, &rule)) {
        return;
    }
    struct request *request =
        request_or_refuse(session, operation, operation->data.length + operation->exclude.length);
    struct message *message = request ? operations_message(session, operation) : NULL;
    if (!message) {
        if (request) {
            refuse(session, operation, ERROR_INTERNAL, "out of memory");
            drop_request(request);
        }
        return;
    }
    request->message = message;
    request->mail.kind = MAIL_PUBLISH;
    worker_tell_hub(worker, &request->mail);
}

void operations_published(struct worker *worker, struct request *request) {
    struct session *session = request->session;
    (void)worker;
    if (session && request->status == WSHUB_OK && request->id_length > 0) {
        session_send(session, &(struct event){
                                  .kind = EVENT_OK,
                                  .id = request_id(request),
                                  .channel = message_channel(request->message),
                                  .position = &request->position,
                              });
    } else if (session && request->status != WSHUB_OK) {
        session_error(session, request_id(request), operations_error_of(request->status),
                      operations_text_of(request->status));
    }
    request_settle(request);
    message_unref(request->message);
    free(request);
}

static void do_ping(struct session *session, const struct operation *operation) {
    session_ok(session, operation->id, (struct span){0});
}

// An operation for which there was no memory to read it is closed rather than refused: its id is unknown, so
// its sender would wait for the answer without end.
static void do_none(struct session *session, const struct operation *operation) {
    if (operation->error == ERROR_INTERNAL) {
        ws_close(&session->ws, WS_CLOSE_INTERNAL, "out of memory");
        return;
    }
    refuse(session, operation, operation->error, operation->detail);
}

void operations_do(struct session *session, const struct operation *operation) {
    static void (*const handlers[VERB_COUNT])(struct session *, const struct operation *) = {
        [VERB_NONE] = do_none,
        [VERB_SUBSCRIBE] = do_subscribe,
        [VERB_UNSUBSCRIBE] = do_unsubscribe,
        [VERB_PUBLISH] = do_publish,
        [VERB_HISTORY] = questions_do_history,
        [VERB_PRESENCE] = questions_do_presence,
        [VERB_SEND] = questions_do_send,
        [VERB_CONNECT] = access_do_connect,
        [VERB_REFRESH] = access_do_refresh,
        [VERB_PING] = do_ping,
    };
    handlers[operation->verb](session, operation);
}

void operations_handle(void *context, const struct operation *operation) {
    struct session *session = context;
    if (!is_within_rate(session)) {
        refuse(session, operation, ERROR_RATE_LIMITED,
               "more operations per second than limits.operations_per_second");
    } else if (access_admits(session, operation)) {
        operations_do(session, operation);
    }
}
