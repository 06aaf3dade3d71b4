/* SPDX-License-Identifier: MIT
 * One thing that the server is asked for: a message to publish, a subscription to make or to end. It owns a
 * copy of all that it needs, so it may wait. */
#ifndef MQTT_OPERATION_H
#define MQTT_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metadata.h"
#include "wshub/host.h"

enum operation_kind { OPERATION_PUBLISH, OPERATION_SUBSCRIBE, OPERATION_UNSUBSCRIBE };

struct operation;

/* It has ended, for a reason (reason.h), and is freed when this returns. Called once, unless it was never
 * pushed. */
typedef void (*operation_fn)(void *owner, const struct operation *operation, int reason);

struct operation {
    struct operation *next;
    enum operation_kind kind;
    bool retain; /* PUBLISH */
    int qos;     /* PUBLISH, SUBSCRIBE */
    operation_fn fn;
    wshub_token token;          /* fn's */
    uint64_t number;            /* fn's */
    void *work;                 /* fn's */
    struct metadata metadata;   /* PUBLISH */
    uint64_t since;             /* ms; when it was sent */
    int mid;                    /* packet identifier, once it was sent */
    size_t length;              /* of the topic */
    struct wshub_bytes payload; /* behind the topic */
    char topic[];               /* terminated */
};

/* Copies topic and payload. NULL: no memory. */
struct operation *operation_new(enum operation_kind kind, const char *topic, struct wshub_bytes payload);
void operation_free(struct operation *operation); /* NULL is fine; fn is not called */
/* Bytes that it keeps while it waits. */
size_t operation_size(const struct operation *operation);
/* Bytes of its packet, PUBLISH only. */
size_t operation_packet(const struct operation *operation);

#endif
