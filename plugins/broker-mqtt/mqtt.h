/* SPDX-License-Identifier: MIT
 * One open broker: what its slots share. Everything here is called on the hub thread. */
#ifndef MQTT_MQTT_H
#define MQTT_MQTT_H

#include "link.h"
#include "outbox.h"
#include "reads.h"
#include "sequence.h"
#include "settings.h"
#include "topic.h"
#include "wshub/wshub.h"

/* Bytes. The library copies a message twice in one call, on either way: beyond that it would keep the hub
 * thread. */
enum { MQTT_PAYLOAD_MOST = 4 * 1024 * 1024 };

/* What can be complained about: once until it works again, and not twice in a minute. */
enum complaint {
    COMPLAINT_SUBSCRIBE,
    COMPLAINT_PUBLISH,
    COMPLAINT_REGISTRY,
    COMPLAINT_READ,
    COMPLAINT_INBOX,
    COMPLAINT_LOSS,
    COMPLAINTS
};

struct mqtt {
    struct link link; /* first: the client gives it to its hooks */
    const struct wshub_host *host;
    struct settings settings;
    struct outbox outbox;
    struct reads reads;
    struct sequences sequences;
    struct {
        bool open;     /* it does not work since */
        uint64_t told; /* ms; 0: never in this session */
    } complaints[COMPLAINTS];
    char will[TOPIC_SIZE], inbox[TOPIC_SIZE]; /* topics */
    int inbox_reason;                         /* of its subscription (reason.h): without it nothing is read */
    bool closing;
};

int mqtt_check(const struct wshub_host *host);
int mqtt_open(const struct wshub_host *host, void **self);
void mqtt_close(void *self);

/* pubsub.c */
int mqtt_subscribe(void *self, struct wshub_bytes channel, wshub_token token);
int mqtt_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token);
int mqtt_publish(void *self, const struct wshub_message *message, wshub_token token);
void mqtt_on_message(void *owner, const struct mosquitto_message *message, const mosquitto_property *list);

/* registry.c */
int mqtt_registry_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                      wshub_token token);
int mqtt_registry_delete(void *self, struct wshub_bytes key, wshub_token token);
int mqtt_registry_get(void *self, struct wshub_bytes key, wshub_token token);
int mqtt_registry_list(void *self, struct wshub_bytes prefix, wshub_token token);
int mqtt_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                   wshub_token token);

/* ---- for them ---- */

void mqtt_complete(struct mqtt *mqtt, wshub_token token, int status);
/* It works: the next complaint is a new one. */
void mqtt_praise(struct mqtt *mqtt, enum complaint complaint);
/* Logs a warning, unless that was complained about already. What works for one channel and not for another,
 * at a client's wish, is one line in a minute. */
void mqtt_complain(struct mqtt *mqtt, enum complaint complaint, const char *text);
/* Completes the token with what the reason means. One that refuses is complained about: "what: reason". */
void mqtt_settle(struct mqtt *mqtt, enum complaint complaint, const char *what, wshub_token token,
                 int reason);

#endif
