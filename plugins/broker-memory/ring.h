/* SPDX-License-Identifier: MIT
 * The latest messages of one channel, the oldest first: compact copies. Belongs to the hub thread. */
#ifndef BROKER_MEMORY_RING_H
#define BROKER_MEMORY_RING_H

#include "wshub/wshub.h"

struct ring_entry;

struct ring { /* zeroed: empty */
    struct ring_entry **entries;
    size_t capacity, first, count;
    uint64_t bytes; /* that all of it takes */
};

/* A copy of what a message carries, published at `now` (ms). NULL: no memory. */
struct ring_entry *ring_entry_new(const struct wshub_message *message, uint64_t now);
void ring_entry_free(struct ring_entry *entry); /* NULL is fine */
uint64_t ring_entry_size(const struct ring_entry *entry);

/* Takes the entry. 0: no memory, nothing has changed. */
int ring_push(struct ring *ring, struct ring_entry *entry);
/* When the oldest was published; of a ring that is not empty. */
uint64_t ring_age(const struct ring *ring);
void ring_drop(struct ring *ring); /* the oldest, of a ring that is not empty */
/* The message at an index below count, without channel and position; it points into the ring. */
struct wshub_message ring_at(const struct ring *ring, size_t index);
void ring_clear(struct ring *ring);

#endif
