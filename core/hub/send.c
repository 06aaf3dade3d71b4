// SPDX-License-Identifier: MIT
// To a user: if somebody here has claimed the user's channel, or the registry knows another instance where
// that is so, the message is published there. To a connection: to the channel of its instance, as
// {"to":"CONNECTION","data":DATA}; here, the workers are tried one after the other, for only they know.
#include "hub/send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "hub/asks.h"
#include "hub/digest.h"
#include "hub/hub_priv.h"
#include "hub/instances.h"
#include "hub/message.h"
#include "hub/registry.h"
#include "hub/users.h"
#include "util/buf.h"
#include "util/random.h"
#include "wshub/status.h"

static struct wshub_bytes bytes_of(struct span span) {
    return (struct wshub_bytes){span.data, span.length};
}

static struct broker *directory(const struct hub *hub) {
    return hub->brokers[hub->instance->directory].broker;
}

static void answer(struct hub *hub, struct request *request, int status) {
    bool sent = status == WSHUB_OK, lost = status == WSHUB_NOT_FOUND;
    counter_add(sent ? &hub->stats.sent : lost ? &hub->stats.not_found : &hub->stats.not_sent, 1);
    request->status = status;
    request->mail.kind = MAIL_ANSWERED;
    hub_post(hub, request->worker, &request->mail);
}

void send_give_up(struct hub *hub, struct request *request, int status) {
    answer(hub, request, status);
}

static void on_answered(void *context, void *argument, int status) {
    answer(context, argument, status);
}

// The request may be answered, and gone, before the slot returns.
static void publish(struct hub *hub, struct request *request, struct wshub_bytes channel,
                    struct wshub_bytes payload) {
    struct message *lent = request->message;
    struct wshub_message message = message_lend(lent);
    message.channel = channel;
    message.payload = payload;
    message_ref(lent);
    broker_publish(directory(hub), &message, NULL, (struct broker_reply){on_answered, hub, request});
    message_unref(lent);
}

// ---- to a user ----

static bool user_channel(const struct request *request, char name[DIGEST_USER_LENGTH + 1]) {
    return digest_user_channel(request->ask->target, name);
}

static void publish_to_user(struct hub *hub, struct request *request) {
    char name[DIGEST_USER_LENGTH + 1];
    if (!user_channel(request, name)) {
        answer(hub, request, WSHUB_NO_MEMORY);
        return;
    }
    publish(hub, request, (struct wshub_bytes){name, DIGEST_USER_LENGTH},
            bytes_of(message_payload(request->message)));
}

static bool is_dead(const struct hub *hub, struct span instance) {
    return hub->instances && instances_is_dead(hub->instances, instance);
}

// ws:user:DIGEST/INSTANCE
static void on_user_entry(void *context, void *argument, struct wshub_bytes key, struct wshub_bytes value) {
    const size_t prefix = sizeof USERS_KEY_PREFIX - 1 + DIGEST_LENGTH + 1;
    struct hub *hub = context;
    struct request *request = argument;
    (void)value;
    struct span instance = {(const char *)key.data + prefix, key.length - prefix};
    request->ask->found_it |= key.length > prefix && !is_dead(hub, instance);
}

static void on_user_listed(void *context, void *argument, int status) {
    struct hub *hub = context;
    struct request *request = argument;
    if (status == WSHUB_OK && request->ask->found_it) {
        publish_to_user(hub, request);
    } else {
        answer(hub, request, status == WSHUB_OK ? WSHUB_NOT_FOUND : status);
    }
}

static void send_to_user(struct hub *hub, struct request *request) {
    char name[DIGEST_USER_LENGTH + 1], prefix[sizeof USERS_KEY_PREFIX + DIGEST_LENGTH + 1];
    struct span channel = {name, DIGEST_USER_LENGTH};
    if (!user_channel(request, name)) {
        answer(hub, request, WSHUB_NO_MEMORY);
    } else if (channels_claims(hub, channel)) {
        publish_to_user(hub, request);
    } else if (!hub->registry) {
        answer(hub, request, WSHUB_NOT_FOUND);
    } else {
        int length =
            snprintf(prefix, sizeof prefix, USERS_KEY_PREFIX "%s/", name + sizeof DIGEST_USER_PREFIX - 1);
        broker_registry_list(registry_slot(hub->registry)->broker,
                             (struct wshub_bytes){prefix, (size_t)length}, on_user_entry,
                             (struct broker_reply){on_user_listed, hub, request});
    }
}

// ---- to a connection of this instance ----

static void try_next(struct hub *hub, struct request *request, int otherwise) {
    if (request->ask->tried == hub->instance->worker_count) {
        answer(hub, request, otherwise);
        return;
    }
    request->mail.kind = MAIL_TRY;
    hub_post(hub, request->ask->tried++, &request->mail);
}

void send_tried(struct hub *hub, struct request *request) {
    if (request->status == WSHUB_NOT_FOUND) {
        try_next(hub, request, request->ask->otherwise);
    } else {
        answer(hub, request, request->status);
    }
}

static void try_here(struct hub *hub, struct request *request, int otherwise) {
    request->ask->otherwise = otherwise;
    try_next(hub, request, otherwise);
}

// ---- to a connection of another instance ----

#define BEGIN "{\"to\":\""
#define MIDDLE "\",\"data\":"
#define END "}"
enum {
    DATA_AT = sizeof BEGIN - 1 + RANDOM_ID_LENGTH + sizeof MIDDLE - 1,
    AROUND = DATA_AT + sizeof END - 1,
};

static void publish_to_instance(struct hub *hub, struct request *request, struct span instance) {
    struct span id = request->ask->target, data = message_payload(request->message);
    struct buf channel = {0}, payload = {0};
    buf_puts(&channel, SEND_INSTANCE_PREFIX);
    buf_append(&channel, instance.data, instance.length);
    buf_puts(&payload, BEGIN);
    buf_append(&payload, id.data, id.length);
    buf_puts(&payload, MIDDLE);
    buf_append(&payload, data.data, data.length);
    buf_puts(&payload, END);
    if (channel.failed || payload.failed) {
        answer(hub, request, WSHUB_NO_MEMORY);
    } else {
        publish(hub, request, (struct wshub_bytes){channel.data, channel.length},
                (struct wshub_bytes){payload.data, payload.length});
    }
    buf_free(&channel);
    buf_free(&payload);
}

// An entry begins with {"instance":"ID".
static struct span instance_of(struct wshub_bytes value) {
    static const char begin[] = "{\"instance\":\"";
    const char *text = value.data;
    if (value.length < sizeof begin || memcmp(text, begin, sizeof begin - 1) != 0) {
        return (struct span){0};
    }
    const char *id = text + sizeof begin - 1;
    const char *end = memchr(id, '"', value.length - (sizeof begin - 1));
    return end && end - id <= INSTANCE_ID_MAX ? (struct span){id, (size_t)(end - id)} : (struct span){0};
}

static void on_connection(void *context, void *argument, struct wshub_bytes key, struct wshub_bytes value) {
    struct request *request = argument;
    struct span instance = instance_of(value);
    (void)context;
    (void)key;
    memcpy(request->ask->instance, instance.data ? instance.data : "", instance.length);
    request->ask->instance[instance.length] = '\0';
}

static void on_looked_up(void *context, void *argument, int status) {
    struct hub *hub = context;
    struct request *request = argument;
    struct span instance = {request->ask->instance, strlen(request->ask->instance)};
    bool is_elsewhere =
        status == WSHUB_OK && instance.length > 0 && strcmp(instance.data, hub->instance->id) != 0;
    if (is_elsewhere && !is_dead(hub, instance)) {
        publish_to_instance(hub, request, instance);
    } else {
        try_here(hub, request, status == WSHUB_OK ? WSHUB_NOT_FOUND : status); // it may not be entered yet
    }
}

static void send_to_connection(struct hub *hub, struct request *request) {
    struct span id = request->ask->target;
    char key[sizeof REGISTRY_CONNECTION_KEY + RANDOM_ID_LENGTH];
    if (id.length != RANDOM_ID_LENGTH) {
        answer(hub, request, WSHUB_NOT_FOUND);
        return;
    }
    if (!hub->registry) {
        try_here(hub, request, WSHUB_NOT_FOUND);
        return;
    }
    int length = snprintf(key, sizeof key, REGISTRY_CONNECTION_KEY "%.*s", (int)id.length, id.data);
    broker_registry_get(registry_slot(hub->registry)->broker, (struct wshub_bytes){key, (size_t)length},
                        on_connection, (struct broker_reply){on_looked_up, hub, request});
}

void send_ask(struct hub *hub, struct request *request) {
    if (request->ask->to == ASK_USER) {
        send_to_user(hub, request);
    } else {
        send_to_connection(hub, request);
    }
}

// ---- what comes from another instance ----

static bool is_wrapped(struct span text) {
    return text.length >= AROUND && memcmp(text.data, BEGIN, sizeof BEGIN - 1) == 0 &&
           memcmp(text.data + DATA_AT - (sizeof MIDDLE - 1), MIDDLE, sizeof MIDDLE - 1) == 0 &&
           memcmp(text.data + text.length - (sizeof END - 1), END, sizeof END - 1) == 0;
}

static void deliver_to_all(struct hub *hub, struct message *message) {
    for (unsigned i = 0; i < hub->instance->worker_count; i++) {
        struct delivery *delivery = &message->deliveries[i];
        message_ref(message);
        *delivery = (struct delivery){.mail.kind = MAIL_DELIVER, .message = message};
        congestion_count(hub, i, message);
        hub_post(hub, i, &delivery->mail);
    }
}

// A gap on this channel is nothing that can be told to anybody: the sender's broker has taken the message.
void send_hear(struct hub *hub, const struct message *message) {
    struct span text = message_payload(message);
    char channel[sizeof SEND_CONNECTION_PREFIX + RANDOM_ID_LENGTH] = SEND_CONNECTION_PREFIX;
    if (message->kind == MESSAGE_GAP || !is_wrapped(text)) {
        return;
    }
    struct wshub_message inner = message_lend(message);
    memcpy(channel + sizeof SEND_CONNECTION_PREFIX - 1, text.data + sizeof BEGIN - 1, RANDOM_ID_LENGTH);
    inner.channel = (struct wshub_bytes){channel, sizeof channel - 1};
    inner.payload = (struct wshub_bytes){text.data + DATA_AT, text.length - AROUND};
    inner.epoch = (struct wshub_bytes){NULL, 0};
    struct message *direct = message_new(&inner, hub->instance->worker_count);
    if (!direct) {
        counter_add(&hub->stats.not_sent, 1);
        return;
    }
    direct->kind = MESSAGE_DIRECT;
    deliver_to_all(hub, direct);
    message_unref(direct);
}
