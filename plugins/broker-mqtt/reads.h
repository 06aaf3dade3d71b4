/* SPDX-License-Identifier: MIT
 * Reading retained messages. MQTT has no such request: one subscribes, gets what is retained, and is not told
 * when that was all. So a read is three packets in one go: a subscription, a message to ourselves (the
 * fence), and the end of the subscription. A server delivers in order: when the fence is back, everything
 * before it has arrived.
 *
 * One read at a time, the others wait: what arrives belongs to it. */
#ifndef MQTT_READS_H
#define MQTT_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outbox.h"
#include "wshub/host.h"

struct read;

/* Each retained message, with its key. */
typedef void (*read_found_fn)(void *owner, struct read *read, struct wshub_bytes key,
                              struct wshub_bytes value);
/* The end, for a reason (reason.h); it is freed when this returns. Called once. */
typedef void (*read_done_fn)(void *owner, struct read *read, int reason);

struct read {
    struct read *next;
    read_found_fn on_found;
    read_done_fn on_done;
    wshub_token token;                /* theirs */
    uint64_t ttl;                     /* theirs */
    bool found;                       /* theirs */
    bool whole;                       /* all keys that begin with `wanted`; else just this one */
    struct wshub_bytes wanted, value; /* behind it; value is theirs */
    char bytes[];
};

struct reads {
    struct outbox *outbox;
    const struct settings *settings;
    const char *inbox; /* topic of the fences */
    void *owner;

    /* private */
    struct read *first, **end; /* the first one is under way, if `number` is not 0 */
    uint64_t number;           /* of the fence that it waits for */
    uint64_t numbers;          /* given out */
    uint64_t since;            /* ms; when the server has taken the fence. 0: not yet */
};

void reads_init(struct reads *reads, struct outbox *outbox, const struct settings *settings,
                const char *inbox, void *owner);

/* Copies both. NULL: no memory. */
struct read *read_new(struct wshub_bytes wanted, struct wshub_bytes value);
/* Takes it. */
void reads_push(struct reads *reads, struct read *read);
/* Ends them all with WSHUB_UNAVAILABLE. */
void reads_drop(struct reads *reads);

/* Twice in a second: gives up a fence that does not come back. */
void reads_on_tick(struct reads *reads);
/* A retained message of the registry has arrived; a message to the inbox has. */
void reads_on_retained(struct reads *reads, struct wshub_bytes key, struct wshub_bytes value);
void reads_on_fence(struct reads *reads, struct wshub_bytes payload);

#endif
