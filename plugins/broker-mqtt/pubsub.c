/* SPDX-License-Identifier: MIT
 * Channels: each its own topic and its own subscription. */
#include <stdio.h>
#include <string.h>

#include "metadata.h"
#include "mqtt.h"

/* What MQTT takes as a text is what a channel may be, but for the code points that a topic escapes. */
static bool topic_for(const struct mqtt *mqtt, char *topic, struct wshub_bytes channel) {
    return topic_of_channel(topic, mqtt->settings.prefix, channel) &&
           strlen(topic) > mqtt->settings.prefix.length && !memchr(channel.data, 0, channel.length) &&
           mosquitto_validate_utf8(topic, (int)strlen(topic)) == MOSQ_ERR_SUCCESS;
}

/* ---- subscriptions ---- */

static void on_subscribed(void *owner, const struct operation *operation, int reason) {
    mqtt_settle(owner, COMPLAINT_SUBSCRIBE, "SUBSCRIBE", operation->token, reason);
}

static void on_unsubscribed(void *owner, const struct operation *operation, int reason) {
    struct mqtt *mqtt = owner;
    sequences_forget(&mqtt->sequences, operation->topic);
    mqtt_settle(mqtt, COMPLAINT_SUBSCRIBE, "UNSUBSCRIBE", operation->token, reason);
}

static int ask(struct mqtt *mqtt, enum operation_kind kind, struct wshub_bytes channel, operation_fn fn,
               wshub_token token) {
    char topic[TOPIC_SIZE];
    if (!link_is_up(&mqtt->link)) {
        return WSHUB_UNAVAILABLE;
    }
    if (!topic_for(mqtt, topic, channel)) {
        return WSHUB_INVALID;
    }
    struct operation *operation = operation_new(kind, topic, (struct wshub_bytes){NULL, 0});
    if (!operation) {
        return WSHUB_NO_MEMORY;
    }
    operation->fn = fn;
    operation->token = token;
    operation->qos = mqtt->settings.delivery_qos;
    sequences_forget(&mqtt->sequences, topic);
    outbox_push(&mqtt->outbox, operation);
    return WSHUB_OK;
}

int mqtt_subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    return ask(self, OPERATION_SUBSCRIBE, channel, on_subscribed, token);
}

int mqtt_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    return ask(self, OPERATION_UNSUBSCRIBE, channel, on_unsubscribed, token);
}

/* ---- publishing ---- */

static void on_published(void *owner, const struct operation *operation, int reason) {
    struct mqtt *mqtt = owner;
    if (reason >= 0x80 || reason < 0) {
        sequences_renew(&mqtt->sequences, operation->topic);
    }
    mqtt_settle(mqtt, COMPLAINT_PUBLISH, "PUBLISH", operation->token, reason);
}

static int describe(struct mqtt *mqtt, struct operation *operation, const struct wshub_message *message) {
    struct metadata *metadata = &operation->metadata;
    int status = metadata_add_message(metadata, message);
    if (status == WSHUB_OK && operation->retain && message->payload.length == 0) {
        status = metadata_add_empty(metadata);
    }
    if (status == WSHUB_OK) {
        status = metadata_add_sequence(metadata, sequences_next(&mqtt->sequences, operation->topic));
    }
    return status;
}

static bool too_large(struct mqtt *mqtt, const struct operation *operation) {
    char text[160];
    const size_t size = operation_packet(operation);
    if (size <= mqtt->link.client.packet_most) {
        return false;
    }
    snprintf(text, sizeof text, "PUBLISH: a packet of %zu bytes, and the server takes %lu (max_packet_size)",
             size, (unsigned long)mqtt->link.client.packet_most);
    mqtt_complain(mqtt, COMPLAINT_PUBLISH, text);
    return true;
}

static int push(struct mqtt *mqtt, struct operation *operation, const struct wshub_message *message) {
    int status = describe(mqtt, operation, message);
    if (status == WSHUB_OK && too_large(mqtt, operation)) {
        status = WSHUB_TOO_LARGE;
    }
    if (status == WSHUB_OK && !outbox_takes(&mqtt->outbox, operation_size(operation))) {
        status = WSHUB_UNAVAILABLE;
    }
    if (status == WSHUB_OK) {
        outbox_push(&mqtt->outbox, operation);
    } else {
        sequences_renew(&mqtt->sequences, operation->topic);
    }
    return status;
}

int mqtt_publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct mqtt *mqtt = self;
    char topic[TOPIC_SIZE];
    struct wshub_bytes payload = message->payload;
    const bool retain = message->flags & WSHUB_MESSAGE_LAST_VALUE;
    if (!link_is_up(&mqtt->link)) {
        return WSHUB_UNAVAILABLE;
    }
    if (!topic_for(mqtt, topic, message->channel)) {
        return WSHUB_INVALID;
    }
    if (payload.length > MQTT_PAYLOAD_MOST) {
        return WSHUB_TOO_LARGE;
    }
    if (retain && payload.length == 0) {
        payload = (struct wshub_bytes){" ", 1}; /* nothing would delete what is kept: see metadata.h */
    }
    struct operation *operation = operation_new(OPERATION_PUBLISH, topic, payload);
    if (!operation) {
        return WSHUB_NO_MEMORY;
    }
    operation->fn = on_published;
    operation->token = token;
    operation->qos = mqtt->settings.qos;
    operation->retain = retain;
    int status = push(mqtt, operation, message);
    if (status != WSHUB_OK) {
        operation_free(operation);
    }
    return status;
}

/* ---- what arrives ---- */

static void deliver(struct mqtt *mqtt, struct wshub_message *message, const struct mosquitto_message *from,
                    const mosquitto_property *list) {
    struct metadata_read read = {0};
    message->payload = (struct wshub_bytes){from->payload, (size_t)from->payloadlen};
    if (!metadata_read(&read, message, list)) {
        mqtt->host->lose(mqtt->host->self, message->channel);
        metadata_read_free(&read);
        return;
    }
    if (read.empty) {
        message->payload.length = 0;
    }
    if (message->epoch.length == 0 || message->offset == 0) { /* only both are a position */
        message->epoch = (struct wshub_bytes){NULL, 0};
        message->offset = 0;
    }
    if (from->retain) { /* a server may send it before it confirms, and the hub wants it after */
        outbox_confirm(&mqtt->outbox, from->topic);
        message->flags = WSHUB_MESSAGE_LAST_VALUE;
    } else if (!sequences_follows(&mqtt->sequences, from->topic, read.mark)) {
        mqtt_complain(mqtt, COMPLAINT_LOSS,
                      "the server has dropped messages that were for this hub: it was too slow for the "
                      "server's queue (mosquitto: max_queued_messages)");
        mqtt->host->lose(mqtt->host->self, message->channel);
    }
    mqtt->host->deliver(mqtt->host->self, message);
    metadata_read_free(&read);
}

void mqtt_on_message(void *owner, const struct mosquitto_message *message, const mosquitto_property *list) {
    struct mqtt *mqtt = owner;
    char name[TOPIC_CHANNEL_MOST];
    struct wshub_message out = {.struct_size = sizeof out, .channel.data = name};
    const struct wshub_bytes payload = {message->payload, (size_t)message->payloadlen};
    switch (topic_read(message->topic, mqtt->settings.prefix, name, &out.channel.length)) {
    case TOPIC_CHANNEL:
        deliver(mqtt, &out, message, list);
        break;
    case TOPIC_KEY: /* live ones are changes that a read does not ask for */
        if (message->retain) {
            reads_on_retained(&mqtt->reads, out.channel, payload);
        }
        break;
    case TOPIC_INBOX:
        reads_on_fence(&mqtt->reads, payload);
        break;
    case TOPIC_FOREIGN:
        break;
    }
}
