// SPDX-License-Identifier: MIT
// What waits to be written to one connection: references to shared frames, in order. Empty, it owns no
// memory: the slots are lent by the worker's pool. Belongs to the connection's worker. Pure: no socket.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

// Bytes ready for the wire, encoded once and shared by every outbox of one worker. The count is not atomic: a
// frame never leaves its worker.
struct frame {
    uint32_t refs;
    uint32_t length;
    uint8_t data[];
};

struct frame *frame_new(size_t length); // one reference, content to be filled in; NULL: no memory
struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame *frame); // NULL is fine

enum { OUTBOX_SLOTS_MIN = 8, OUTBOX_POOL_MAX = 4096 };

struct outbox_pool {
    void *spare; // blocks of OUTBOX_SLOTS_MIN slots, linked through their first word
    unsigned count;
};

struct outbox {
    struct frame **slots; // a ring; NULL when empty
    uint32_t capacity;    // a power of two
    uint32_t head;
    uint32_t count;
    uint32_t sent;  // bytes of the first frame that are already out
    uint32_t ahead; // so many of the first frames are not to be overtaken: pushed to the front, or begun
    size_t bytes;   // what remains to be sent
};

// Takes a reference of its own. False: no memory, nothing changed.
bool outbox_push(struct outbox *outbox, struct outbox_pool *pool, struct frame *frame);
// The same, but ahead of all that has not begun to leave, and behind what was pushed to the front before it:
// for pings and pongs, which keep their order.
bool outbox_push_front(struct outbox *outbox, struct outbox_pool *pool, struct frame *frame);
// Fills up to `max` vectors with what is to be sent next; returns how many.
int outbox_gather(const struct outbox *outbox, struct iovec *vectors, int max);
// `length` bytes have left.
void outbox_advance(struct outbox *outbox, struct outbox_pool *pool, size_t length);
void outbox_clear(struct outbox *outbox, struct outbox_pool *pool);
void outbox_pool_free(struct outbox_pool *pool);
