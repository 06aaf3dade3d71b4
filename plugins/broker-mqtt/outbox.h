/* SPDX-License-Identifier: MIT
 * What is asked of the server, in order: what waits, and what was sent and has no answer yet. No more is in
 * flight than the server allows and 16-bit packet identifiers can tell apart; no more is handed to the
 * library than it can write. Belongs to the hub thread. */
#ifndef MQTT_OUTBOX_H
#define MQTT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "operation.h"

enum { OUTBOX_MOST = 64 * 1024 * 1024 }; /* bytes of all that has no answer; more is not to be pushed */

struct operation_list {
    struct operation *first, **end;
};

struct outbox {
    struct client *client;
    void *owner; /* what operations are given */

    /* private */
    struct operation_list waiting, flying;
    size_t bytes;               /* of both */
    unsigned publishes, topics; /* in flight */
    struct operation *sending;  /* within client_send, and not answered yet */
};

void outbox_init(struct outbox *outbox, struct client *client, void *owner);

/* False: there is too much for as many bytes more. */
bool outbox_takes(const struct outbox *outbox, size_t bytes);
/* Takes it: its fn is called once, later. */
void outbox_push(struct outbox *outbox, struct operation *operation);
/* Calls the fn of each with WSHUB_UNAVAILABLE. */
void outbox_drop(struct outbox *outbox);

/* Something waits that may be sent. */
bool outbox_is_ready(const struct outbox *outbox);
/* Sends what may be sent, for a while at most. */
void outbox_send(struct outbox *outbox);
/* As client_hooks.on_answer. */
void outbox_answer(struct outbox *outbox, enum operation_kind kind, int mid, const int *reasons,
                   size_t count);
/* A subscription to this topic works, whatever its answer: completes the one that waits for it, if there is
 * one. */
void outbox_confirm(struct outbox *outbox, const char *topic);
/* When the one that has waited longest for its answer was sent, in ms; UINT64_MAX: none waits. */
uint64_t outbox_oldest(const struct outbox *outbox);

#endif
