/* SPDX-License-Identifier: MIT */
#include "pending.h"

#include <assert.h>
#include <stdlib.h>

enum { LEAST = 64 };

bool pendings_reserve(struct pendings *pendings) {
    if (pendings->count < pendings->capacity) {
        return true;
    }
    size_t capacity = pendings->capacity ? pendings->capacity * 2 : LEAST;
    struct pending *ring = calloc(capacity, sizeof *ring);
    if (!ring) {
        return false;
    }
    for (size_t i = 0; i < pendings->count; i++) {
        ring[i] = pendings->ring[(pendings->first + i) & (pendings->capacity - 1)];
    }
    free(pendings->ring);
    *pendings = (struct pendings){.ring = ring, .count = pendings->count, .capacity = capacity};
    return true;
}

void pendings_push(struct pendings *pendings, struct pending pending) {
    assert(pendings->count < pendings->capacity);
    pendings->ring[(pendings->first + pendings->count++) & (pendings->capacity - 1)] = pending;
}

struct pending pendings_pop(struct pendings *pendings) {
    assert(pendings->count > 0);
    struct pending pending = pendings->ring[pendings->first];
    pendings->first = (pendings->first + 1) & (pendings->capacity - 1);
    pendings->count--;
    return pending;
}

const struct pending *pendings_first(const struct pendings *pendings) {
    return pendings->count ? &pendings->ring[pendings->first] : NULL;
}

void pendings_free(struct pendings *pendings) {
    free(pendings->ring);
    *pendings = (struct pendings){0};
}
