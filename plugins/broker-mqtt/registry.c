/* SPDX-License-Identifier: MIT
 * Who is connected where: retained messages, which expire by themselves. The instance's own entry is also the
 * connection's last will, which deletes it. */
#include <stdlib.h>
#include <string.h>

#include "mqtt.h"
#include "reason.h"

/* ---- writing ---- */

/* Servers count in whole seconds, and begin with one that is not whole: an entry is there for its ttl, and
 * gone before two seconds more. */
static uint32_t expiry_of(uint64_t ttl) {
    const uint64_t seconds = ttl / 1000 + (ttl % 1000 != 0) + 1;
    return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX - 1;
}

/* `ttl` 0: deletes it. */
static struct operation *new_entry(struct mqtt *mqtt, struct wshub_bytes key, struct wshub_bytes value,
                                   uint64_t ttl) {
    char topic[TOPIC_SIZE];
    struct operation *operation = NULL;
    if (topic_of_key(topic, mqtt->settings.prefix, key)) {
        operation = operation_new(OPERATION_PUBLISH, topic, value);
    }
    if (operation) {
        operation->retain = true;
        operation->qos = mqtt->settings.qos;
    }
    if (operation && ttl && metadata_add_expiry(&operation->metadata, expiry_of(ttl)) != WSHUB_OK) {
        operation_free(operation);
        return NULL;
    }
    return operation;
}

static int put(struct mqtt *mqtt, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
               operation_fn fn, wshub_token token, int status) {
    if (!link_is_up(&mqtt->link)) {
        return WSHUB_UNAVAILABLE;
    }
    struct operation *operation = new_entry(mqtt, key, value, ttl);
    if (!operation) {
        return WSHUB_NO_MEMORY;
    }
    operation->fn = fn;
    operation->token = token;
    operation->number = (uint64_t)-status;
    if (!outbox_takes(&mqtt->outbox, operation_size(operation))) {
        operation_free(operation);
        return WSHUB_UNAVAILABLE;
    }
    outbox_push(&mqtt->outbox, operation);
    return WSHUB_OK;
}

static void on_put(void *owner, const struct operation *operation, int reason) {
    mqtt_settle(owner, COMPLAINT_REGISTRY, operation->payload.length ? "registry set" : "registry delete",
                operation->token, reason);
}

static bool is_key(struct wshub_bytes key) {
    return key.length > 0 && key.length <= TOPIC_KEY_MOST;
}

int mqtt_registry_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                      wshub_token token) {
    return ttl && value.length && is_key(key) ? put(self, key, value, ttl, on_put, token, WSHUB_OK)
                                              : WSHUB_INVALID;
}

int mqtt_registry_delete(void *self, struct wshub_bytes key, wshub_token token) {
    return is_key(key) ? put(self, key, (struct wshub_bytes){NULL, 0}, 0, on_put, token, WSHUB_OK)
                       : WSHUB_INVALID;
}

/* ---- reading ---- */

static void on_entry(void *owner, struct read *read, struct wshub_bytes key, struct wshub_bytes value) {
    struct mqtt *mqtt = owner;
    read->found = true;
    if (!mqtt->closing) {
        mqtt->host->entry(mqtt->host->self, read->token, key, value);
    }
}

static void on_read(void *owner, struct read *read, int reason) {
    const bool missing = reason_is_good(reason) && !read->found && !read->whole;
    if (missing) {
        mqtt_praise(owner, COMPLAINT_READ);
        mqtt_complete(owner, read->token, WSHUB_NOT_FOUND);
    } else {
        mqtt_settle(owner, COMPLAINT_READ, "reading the registry", read->token, reason);
    }
}

static int look(struct mqtt *mqtt, struct read *read, bool whole, read_found_fn on_found,
                read_done_fn on_done, wshub_token token) {
    if (!read) {
        return WSHUB_NO_MEMORY;
    }
    read->whole = whole;
    read->on_found = on_found;
    read->on_done = on_done;
    read->token = token;
    reads_push(&mqtt->reads, read);
    return WSHUB_OK;
}

/* WSHUB_OK: a read can be made. */
static int readable(const struct mqtt *mqtt) {
    return link_is_up(&mqtt->link) ? (int)reason_status(mqtt->inbox_reason) : WSHUB_UNAVAILABLE;
}

int mqtt_registry_get(void *self, struct wshub_bytes key, wshub_token token) {
    const struct wshub_bytes none = {NULL, 0};
    int status = is_key(key) ? readable(self) : WSHUB_INVALID;
    return status == WSHUB_OK ? look(self, read_new(key, none), false, on_entry, on_read, token) : status;
}

int mqtt_registry_list(void *self, struct wshub_bytes prefix, wshub_token token) {
    const struct wshub_bytes none = {NULL, 0};
    int status = prefix.length <= TOPIC_KEY_MOST ? readable(self) : WSHUB_INVALID;
    return status == WSHUB_OK ? look(self, read_new(prefix, none), true, on_entry, on_read, token) : status;
}

/* ---- heartbeat: a look whether the entry is there, then the entry anew ---- */

static void on_beat_found(void *owner, struct read *read, struct wshub_bytes key, struct wshub_bytes value) {
    (void)owner;
    (void)key;
    (void)value;
    read->found = true;
}

static void on_beat_put(void *owner, const struct operation *operation, int reason) {
    const int status = -(int)operation->number;
    if (reason_is_good(reason) && status != WSHUB_OK) {
        mqtt_praise(owner, COMPLAINT_REGISTRY);
        mqtt_complete(owner, operation->token, status);
    } else {
        mqtt_settle(owner, COMPLAINT_REGISTRY, "heartbeat", operation->token, reason);
    }
}

static void on_beat_read(void *owner, struct read *read, int reason) {
    if (!reason_is_good(reason)) {
        mqtt_settle(owner, COMPLAINT_READ, "heartbeat", read->token, reason);
        return;
    }
    int status = put(owner, read->wanted, read->value, read->ttl, on_beat_put, read->token,
                     read->found ? WSHUB_OK : WSHUB_NOT_FOUND);
    if (status != WSHUB_OK) {
        mqtt_complete(owner, read->token, status);
    }
}

int mqtt_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                   wshub_token token) {
    int status = ttl && value.length && is_key(key) ? readable(self) : WSHUB_INVALID;
    if (status != WSHUB_OK) {
        return status;
    }
    struct read *read = read_new(key, value);
    if (read) {
        read->ttl = ttl;
    }
    return look(self, read, false, on_beat_found, on_beat_read, token);
}
