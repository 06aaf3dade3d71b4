// SPDX-License-Identifier: MIT
// Messages to one connection or one user. A user's sessions have subscribed, each on its worker, to a channel
// of the user's own; a connection is found by its id.
#include <string.h>

#include "auth/identity.h"
#include "config/config.h"
#include "hub/access.h"
#include "hub/asks.h"
#include "hub/digest.h"
#include "hub/hub.h"
#include "hub/message.h"
#include "hub/rules.h"
#include "hub/subscriptions_priv.h"
#include "wshub/status.h"

static unsigned digit_of(char c) {
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

// `text`: a connection_id, which was looked at.
static struct session *find(struct worker *worker, struct span text) {
    uint8_t id[16];
    if (text.length != SESSION_ID_LENGTH) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = (uint8_t)(digit_of(text.data[2 * i]) << 4 | digit_of(text.data[2 * i + 1]));
    }
    struct session *session = connections_find(&worker->connections, id);
    return session && ws_is_open(&session->ws) ? session : NULL;
}

static void send_to(struct session *session, const struct message *message) {
    if (!fanout_is_excluded(session, message_exclude(message))) {
        struct frame *frame = fanout_frame(session->worker, session->protocol, message, false);
        fanout_send(session, frame);
        frame_unref(frame);
    }
}

void direct_deliver(struct worker *worker, const struct message *message) {
    struct span channel = message_channel(message);
    size_t prefix = sizeof MESSAGE_CONNECTION_PREFIX - 1;
    struct session *session = NULL;
    if (channel.length > prefix) {
        session = find(worker, (struct span){channel.data + prefix, channel.length - prefix});
    }
    if (session) {
        send_to(session, message);
    }
}

void direct_try(struct worker *worker, struct request *request) {
    struct session *session = find(worker, request->ask->target);
    request->status = session ? WSHUB_OK : WSHUB_NOT_FOUND;
    if (session) {
        send_to(session, request->message);
    }
    request->mail.kind = MAIL_TRIED;
    worker_tell_hub(worker, &request->mail);
}

bool direct_begin(struct session *session) {
    struct worker *worker = session->worker;
    struct instance *instance = worker->instance;
    struct span user = identity_user(access_identity(session));
    char name[DIGEST_USER_LENGTH + 1];
    const char *detail;
    if (!connections_add(&worker->connections, session)) {
        return false;
    }
    if (user.length == 0 ||
        rules_who_sends(instance->config) == CONFIG_WHO_SERVER) { // nobody could send to it
        return true;
    }
    session->has_own =
        digest_user_channel(user, name) &&
        subscriptions_add(session, &(struct rule){.broker = instance->directory},
                          (struct span){name, DIGEST_USER_LENGTH}, NULL, &detail) == ERROR_NONE;
    return session->has_own;
}

void direct_end(struct session *session) {
    connections_remove(&session->worker->connections, session);
}
