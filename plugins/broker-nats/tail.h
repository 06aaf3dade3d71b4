/* SPDX-License-Identifier: MIT
 * A history that is read backwards from a server that reads forwards only: from windows of the stream, the
 * newest first, each of which ends where the one before began. A window is as large as the channel would need
 * if it were full; when it has too little, the next is larger. On the driver's thread. */
#ifndef NATS_TAIL_H
#define NATS_TAIL_H

#include <stddef.h>

#include "outbox.h"

struct tail {
    uint64_t upper; /* of this window: no offset of it is so large */

    /* private */
    uint64_t lower, span;
    struct note **notes;      /* the last `left` of this window; the newest stands at (count - 1) % size */
    size_t count, size, left; /* one more than is wanted, to tell what is before the last */
    struct note *last;        /* until that is known of it */
};

/* Reads what lies from `lower` to before `upper`. NULL: no memory. */
struct tail *tail_new(const struct wshub_history_query *query, uint64_t lower, uint64_t upper);
void tail_free(struct tail *tail); /* NULL is fine */

/* Where the next window begins; 0: there is enough, or no more. */
uint64_t tail_next(struct tail *tail);
/* One message of the window, in the order of the stream. Takes the note. */
void tail_push(struct tail *tail, struct note *note);
/* The window was read: what of it is wanted goes to the outbox. */
void tail_put(struct tail *tail, struct outbox *outbox);
/* There is no further window. */
void tail_end(struct tail *tail, struct outbox *outbox);

#endif
