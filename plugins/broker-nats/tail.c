/* SPDX-License-Identifier: MIT */
#include "tail.h"

#include <stdlib.h>

enum { GROWTH = 4 };

struct tail *tail_new(const struct wshub_history_query *query, uint64_t lower, uint64_t upper) {
    const uint64_t most = (query->limit < query->size ? query->limit : query->size) + 1;
    struct tail *tail = calloc(1, sizeof *tail);
    if (!tail) {
        return NULL;
    }
    tail->notes = calloc((size_t)most, sizeof(struct note *));
    if (!tail->notes) {
        free(tail);
        return NULL;
    }
    tail->size = tail->left = (size_t)most;
    tail->lower = lower;
    tail->upper = upper;
    const uint64_t each = upper > lower ? (upper - lower) / query->size + 1 : 1;
    tail->span = each < UINT64_MAX / 2 / most ? each * most + each * most / 4 : UINT64_MAX;
    return tail;
}

static void forget(struct tail *tail) {
    for (size_t i = 0; i < tail->size; i++) {
        free(tail->notes[i]);
        tail->notes[i] = NULL;
    }
    tail->count = 0;
}

void tail_free(struct tail *tail) {
    if (tail) {
        forget(tail);
        free(tail->last);
        free(tail->notes);
        free(tail);
    }
}

/* tail_put has left the upper end where the next window has it. */
uint64_t tail_next(struct tail *tail) {
    if (tail->left == 0 || tail->upper <= tail->lower) {
        return 0;
    }
    return tail->upper - tail->lower > tail->span ? tail->upper - tail->span : tail->lower;
}

void tail_push(struct tail *tail, struct note *note) {
    struct note **place = &tail->notes[tail->count++ % tail->size];
    free(*place);
    *place = note;
}

/* The one that was put before follows it. The last of all is not wanted itself. */
static void put(struct tail *tail, struct note *note, struct outbox *outbox) {
    if (tail->last) {
        tail->last->message.previous = note->message.offset;
        outbox_put(outbox, tail->last);
    }
    tail->last = tail->left > 1 ? note : NULL;
    if (!tail->last) {
        free(note);
    }
}

void tail_put(struct tail *tail, struct outbox *outbox) {
    const uint64_t begin = tail_next(tail);
    const size_t there = tail->count < tail->size ? tail->count : tail->size;
    for (size_t i = 0; i < there && tail->left > 0; i++, tail->left--) {
        struct note **place = &tail->notes[(tail->count - 1 - i) % tail->size];
        put(tail, *place, outbox);
        *place = NULL;
    }
    forget(tail);
    tail->upper = begin;
    tail->span = tail->span < UINT64_MAX / GROWTH ? tail->span * GROWTH : UINT64_MAX;
}

void tail_end(struct tail *tail, struct outbox *outbox) {
    if (tail->last) {
        outbox_put(outbox, tail->last);
        tail->last = NULL;
    }
}
