/* SPDX-License-Identifier: MIT
 * The way back to the hub thread, for the services that belong to it: link, entry, message and position. What
 * goes through here, completions among it, keeps its order. */
#ifndef NATS_OUTBOX_H
#define NATS_OUTBOX_H

#include <pthread.h>
#include <stdbool.h>

#include "gate.h"

enum note_kind { NOTE_LINK, NOTE_ENTRY, NOTE_MESSAGE, NOTE_POSITION, NOTE_STORED /* of a publish */ };

struct note {
    struct note *next;
    enum note_kind kind;
    wshub_token token;
    enum wshub_link_state state;
    uint64_t oldest, newest;
    /* LINK: payload is the reason, or empty. ENTRY: channel is the key, payload the value. POSITION, STORED:
     * epoch */
    struct wshub_message message;
    char bytes[]; /* what it points to */
};

struct outbox {
    struct gate *gate;
    bool said; /* the hub has heard of the link; hub thread */

    /* private */
    pthread_mutex_t lock;
    struct note *first, *last;
    bool posted;
};

/* False: no memory. */
bool outbox_init(struct outbox *outbox, struct gate *gate);
/* On the hub thread, when nobody puts any more: what was not told yet is dropped. */
void outbox_free(struct outbox *outbox);

/* Copies what the message points to. NULL: no memory. */
struct note *note_new(enum note_kind kind, wshub_token token, const struct wshub_message *message);

/* [driver's thread] Takes the note. */
void outbox_put(struct outbox *outbox, struct note *note);
/* [driver's thread] Whether all is on its way; else the hub had no memory: again, later. */
bool outbox_flush(struct outbox *outbox);

#endif
