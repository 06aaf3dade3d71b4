// SPDX-License-Identifier: MIT
#include "net/outbox.h"

#include <assert.h>
#include <stdlib.h>

struct frame *frame_new(size_t length) {
    if (length > UINT32_MAX) {
        return NULL;
    }
    struct frame *frame = malloc(sizeof *frame + length);
    if (frame) {
        frame->refs = 1;
        frame->length = (uint32_t)length;
    }
    return frame;
}

struct frame *frame_ref(struct frame *frame) {
    frame->refs++;
    return frame;
}

void frame_unref(struct frame *frame) {
    if (frame && --frame->refs == 0) {
        free(frame);
    }
}

static struct frame **slots_borrow(struct outbox_pool *pool) {
    void *block = pool->spare;
    if (!block) {
        return malloc(OUTBOX_SLOTS_MIN * sizeof(struct frame *));
    }
    pool->spare = *(void **)block;
    pool->count--;
    return block;
}

static void slots_return(struct outbox_pool *pool, struct frame **slots, uint32_t capacity) {
    if (capacity != OUTBOX_SLOTS_MIN || pool->count >= OUTBOX_POOL_MAX) {
        free(slots);
        return;
    }
    *(void **)(void *)slots = pool->spare;
    pool->spare = slots;
    pool->count++;
}

static uint32_t slot_at(const struct outbox *outbox, uint32_t position) {
    return (outbox->head + position) & (outbox->capacity - 1);
}

static bool grow(struct outbox *outbox, struct outbox_pool *pool) {
    uint32_t capacity = outbox->capacity ? outbox->capacity * 2 : OUTBOX_SLOTS_MIN;
    struct frame **slots = outbox->capacity ? malloc(capacity * sizeof *slots) : slots_borrow(pool);
    if (!slots) {
        return false;
    }
    for (uint32_t i = 0; i < outbox->count; i++) {
        slots[i] = outbox->slots[slot_at(outbox, i)];
    }
    if (outbox->slots) {
        slots_return(pool, outbox->slots, outbox->capacity);
    }
    outbox->slots = slots;
    outbox->capacity = capacity;
    outbox->head = 0;
    return true;
}

bool outbox_push(struct outbox *outbox, struct outbox_pool *pool, struct frame *frame) {
    assert(frame->length > 0);
    if (outbox->count == outbox->capacity && !grow(outbox, pool)) {
        return false;
    }
    outbox->slots[slot_at(outbox, outbox->count++)] = frame_ref(frame);
    outbox->bytes += frame->length;
    return true;
}

// Moves the shorter side, so that a flood of pings costs no more than it should.
static void open_gap(struct outbox *outbox, uint32_t position) {
    if (position < outbox->count - position) {
        outbox->head = slot_at(outbox, outbox->capacity - 1);
        for (uint32_t i = 0; i < position; i++) {
            outbox->slots[slot_at(outbox, i)] = outbox->slots[slot_at(outbox, i + 1)];
        }
    } else {
        for (uint32_t i = outbox->count; i > position; i--) {
            outbox->slots[slot_at(outbox, i)] = outbox->slots[slot_at(outbox, i - 1)];
        }
    }
    outbox->count++;
}

bool outbox_push_front(struct outbox *outbox, struct outbox_pool *pool, struct frame *frame) {
    assert(frame->length > 0);
    if (outbox->count == outbox->capacity && !grow(outbox, pool)) {
        return false;
    }
    if (outbox->sent > 0 && outbox->ahead == 0) {
        outbox->ahead = 1; // a frame that has begun must end first
    }
    open_gap(outbox, outbox->ahead);
    outbox->slots[slot_at(outbox, outbox->ahead++)] = frame_ref(frame);
    outbox->bytes += frame->length;
    return true;
}

int outbox_gather(const struct outbox *outbox, struct iovec *vectors, int max) {
    int n = 0;
    uint32_t skip = outbox->sent;
    for (uint32_t i = 0; i < outbox->count && n < max; i++, n++) {
        struct frame *frame = outbox->slots[slot_at(outbox, i)];
        vectors[n] = (struct iovec){frame->data + skip, frame->length - skip};
        skip = 0;
    }
    return n;
}

static void give_back_when_empty(struct outbox *outbox, struct outbox_pool *pool) {
    if (outbox->count == 0 && outbox->slots) {
        slots_return(pool, outbox->slots, outbox->capacity);
        *outbox = (struct outbox){0};
    }
}

void outbox_advance(struct outbox *outbox, struct outbox_pool *pool, size_t length) {
    assert(length <= outbox->bytes);
    outbox->bytes -= length;
    while (length > 0) {
        struct frame *frame = outbox->slots[outbox->head];
        size_t rest = frame->length - outbox->sent;
        if (length < rest) {
            outbox->sent += (uint32_t)length;
            return;
        }
        length -= rest;
        outbox->sent = 0;
        outbox->head = slot_at(outbox, 1);
        outbox->count--;
        outbox->ahead -= outbox->ahead > 0;
        frame_unref(frame);
    }
    give_back_when_empty(outbox, pool);
}

void outbox_clear(struct outbox *outbox, struct outbox_pool *pool) {
    for (uint32_t i = 0; i < outbox->count; i++) {
        frame_unref(outbox->slots[slot_at(outbox, i)]);
    }
    outbox->count = 0;
    outbox->bytes = 0;
    outbox->sent = 0;
    outbox->ahead = 0;
    give_back_when_empty(outbox, pool);
}

void outbox_pool_free(struct outbox_pool *pool) {
    while (pool->spare) {
        void *next = *(void **)pool->spare;
        free(pool->spare);
        pool->spare = next;
    }
    pool->count = 0;
}
