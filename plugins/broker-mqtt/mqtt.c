/* SPDX-License-Identifier: MIT */
#include "mqtt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "reason.h"

enum {
    COMPLAINT_MS = 60 * 1000,
    PATIENCE = 12, /* timeouts until an answer is overdue though other bytes come */
};

/* ---- what the connection tells ---- */

/* The first thing on every connection. Its confirmation also shows that the server is willing to serve. */
static void on_inbox(void *owner, const struct operation *operation, int reason) {
    struct mqtt *mqtt = owner;
    (void)operation;
    mqtt->inbox_reason = reason;
    if (reason < 0) {
        client_break(&mqtt->link.client, reason_text(reason));
        return;
    }
    if (!reason_is_good(reason)) {
        char text[CLIENT_REASON];
        snprintf(text, sizeof text, "the registry cannot be read: SUBSCRIBE %.150s: %s", mqtt->inbox,
                 reason_text(reason));
        mqtt_complain(mqtt, COMPLAINT_INBOX, text);
    }
    link_ready(&mqtt->link);
}

static void on_open(void *owner) {
    struct mqtt *mqtt = owner;
    struct operation *operation =
        operation_new(OPERATION_SUBSCRIBE, mqtt->inbox, (struct wshub_bytes){NULL, 0});
    memset(mqtt->complaints, 0, sizeof mqtt->complaints);
    if (!operation) {
        client_break(&mqtt->link.client, reason_text(WSHUB_NO_MEMORY));
        return;
    }
    operation->fn = on_inbox;
    outbox_push(&mqtt->outbox, operation);
}

static void on_room(void *owner) {
    outbox_send(&((struct mqtt *)owner)->outbox);
}

static bool wants_room(void *owner) {
    return outbox_is_ready(&((struct mqtt *)owner)->outbox);
}

/* ms since the later of the two. */
static uint64_t age_of(uint64_t one, uint64_t other) {
    const uint64_t since = one > other ? one : other, now = clock_ms();
    return now > since ? now - since : 0;
}

/* How long an answer has been waited for in vain, ms; 0: that is not to be given up. A slow connection is not
 * a dead one. But a server that says other things all the time and does not answer would keep its place in
 * the window for ever. */
static uint64_t waited_in_vain(const struct mqtt *mqtt) {
    const uint64_t oldest = outbox_oldest(&mqtt->outbox), timeout = mqtt->settings.timeout;
    const struct client *client = &mqtt->link.client;
    if (oldest == UINT64_MAX) {
        return 0;
    }
    return age_of(oldest, client->moved) >= timeout              ? timeout
           : age_of(oldest, client->wrote) >= PATIENCE * timeout ? PATIENCE * timeout
                                                                 : 0;
}

static void on_tick(void *owner) {
    struct mqtt *mqtt = owner;
    char why[64];
    const uint64_t waited = waited_in_vain(mqtt);
    if (waited) {
        snprintf(why, sizeof why, "no answer for %g s", (double)waited / 1000);
        client_break(&mqtt->link.client, why);
    } else {
        reads_on_tick(&mqtt->reads);
    }
}

static void on_answer(void *owner, enum operation_kind kind, int mid, const int *reasons, size_t count) {
    outbox_answer(&((struct mqtt *)owner)->outbox, kind, mid, reasons, count);
}

static void drop(struct mqtt *mqtt) {
    reads_drop(&mqtt->reads);
    outbox_drop(&mqtt->outbox);
    sequences_reset(&mqtt->sequences);
}

static void on_lost(void *owner, const char *reason) {
    struct mqtt *mqtt = owner;
    drop(mqtt);
    link_on_lost(&mqtt->link, reason);
}

static const struct client_hooks hooks = {.on_open = on_open,
                                          .on_room = on_room,
                                          .wants_room = wants_room,
                                          .on_tick = on_tick,
                                          .on_message = mqtt_on_message,
                                          .on_answer = on_answer,
                                          .on_lost = on_lost};

/* ---- life ---- */

int mqtt_check(const struct wshub_host *host) {
    struct settings settings;
    int status = settings_read(&settings, host);
    if (status == WSHUB_OK) {
        settings_free(&settings);
    }
    return status;
}

static void name_topics(struct mqtt *mqtt) {
    char key[sizeof WSHUB_INSTANCE_KEY + 64];
    int length = snprintf(key, sizeof key, WSHUB_INSTANCE_KEY "%s", mqtt->host->instance_id);
    topic_of_key(mqtt->will, mqtt->settings.prefix, (struct wshub_bytes){key, (size_t)length});
    topic_of_inbox(mqtt->inbox, mqtt->settings.prefix, mqtt->settings.client_id);
}

int mqtt_open(const struct wshub_host *host, void **self) {
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (!mqtt) {
        return WSHUB_NO_MEMORY;
    }
    mqtt->host = host;
    int status = settings_read(&mqtt->settings, host);
    if (status != WSHUB_OK) {
        free(mqtt);
        return status;
    }
    name_topics(mqtt);
    sequences_init(&mqtt->sequences);
    outbox_init(&mqtt->outbox, &mqtt->link.client, mqtt);
    reads_init(&mqtt->reads, &mqtt->outbox, &mqtt->settings, mqtt->inbox, mqtt);
    status = link_init(&mqtt->link, host, &mqtt->settings, &hooks, mqtt->will);
    if (status != WSHUB_OK) {
        mqtt_close(mqtt);
        return status;
    }
    *self = mqtt;
    link_start(&mqtt->link);
    return WSHUB_OK;
}

void mqtt_close(void *self) {
    struct mqtt *mqtt = self;
    mqtt->closing = true;
    link_free(&mqtt->link);
    drop(mqtt);
    settings_free(&mqtt->settings);
    free(mqtt);
}

/* ---- for the slots ---- */

/* What is in flight when the plugin is closed is the hub's to settle. */
void mqtt_complete(struct mqtt *mqtt, wshub_token token, int status) {
    if (!mqtt->closing) {
        mqtt->host->complete(mqtt->host->self, token, status);
    }
}

void mqtt_praise(struct mqtt *mqtt, enum complaint complaint) {
    mqtt->complaints[complaint].open = false;
}

void mqtt_complain(struct mqtt *mqtt, enum complaint complaint, const char *text) {
    const uint64_t told = mqtt->complaints[complaint].told, now = clock_ms();
    if (mqtt->complaints[complaint].open || (told && now - told < COMPLAINT_MS)) {
        return;
    }
    mqtt->complaints[complaint].open = true;
    mqtt->complaints[complaint].told = now;
    mqtt->host->log(mqtt->host->self, WSHUB_LOG_WARN, text);
}

void mqtt_settle(struct mqtt *mqtt, enum complaint complaint, const char *what, wshub_token token,
                 int reason) {
    char text[CLIENT_REASON];
    if (reason_is_good(reason)) {
        mqtt_praise(mqtt, complaint);
    } else if (reason != WSHUB_UNAVAILABLE && !mqtt->closing) { /* of a link that is down, more is told */
        snprintf(text, sizeof text, "%.200s: %s", what, reason_text(reason));
        mqtt_complain(mqtt, complaint, text);
    }
    mqtt_complete(mqtt, token, reason_status(reason));
}
