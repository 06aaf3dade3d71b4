/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 8, PARTS = 4 };

struct ring_entry {
    uint64_t published;
    size_t lengths[PARTS]; /* as parts_of has them */
    char bytes[];
};

static void parts_of(struct wshub_message *message, struct wshub_bytes *parts[PARTS]) {
    parts[0] = &message->payload;
    parts[1] = &message->sender;
    parts[2] = &message->sender_user;
    parts[3] = &message->exclude;
}

struct ring_entry *ring_entry_new(const struct wshub_message *message, uint64_t now) {
    struct wshub_message from = *message;
    struct wshub_bytes *parts[PARTS];
    size_t total = 0;
    parts_of(&from, parts);
    for (size_t i = 0; i < PARTS; i++) {
        total += parts[i]->length;
    }
    struct ring_entry *entry = malloc(sizeof *entry + total);
    if (!entry) {
        return NULL;
    }
    entry->published = now;
    char *end = entry->bytes;
    for (size_t i = 0; i < PARTS; i++) {
        entry->lengths[i] = parts[i]->length;
        if (parts[i]->length > 0) {
            memcpy(end, parts[i]->data, parts[i]->length);
        }
        end += parts[i]->length;
    }
    return entry;
}

void ring_entry_free(struct ring_entry *entry) {
    free(entry);
}

uint64_t ring_entry_size(const struct ring_entry *entry) {
    uint64_t size = sizeof *entry;
    for (size_t i = 0; i < PARTS; i++) {
        size += entry->lengths[i];
    }
    return size;
}

static size_t place(const struct ring *ring, size_t index) {
    return (ring->first + index) % ring->capacity;
}

static int grow(struct ring *ring) {
    size_t capacity = ring->capacity ? ring->capacity * 2 : SMALLEST;
    struct ring_entry **entries = calloc(capacity, sizeof(struct ring_entry *));
    if (!entries) {
        return 0;
    }
    for (size_t i = 0; i < ring->count; i++) {
        entries[i] = ring->entries[place(ring, i)];
    }
    free(ring->entries);
    ring->entries = entries;
    ring->bytes += (capacity - ring->capacity) * sizeof(struct ring_entry *);
    ring->capacity = capacity;
    ring->first = 0;
    return 1;
}

int ring_push(struct ring *ring, struct ring_entry *entry) {
    if (ring->count == ring->capacity && !grow(ring)) {
        return 0;
    }
    ring->entries[place(ring, ring->count++)] = entry;
    ring->bytes += ring_entry_size(entry);
    return 1;
}

uint64_t ring_age(const struct ring *ring) {
    return ring->entries[ring->first]->published;
}

void ring_drop(struct ring *ring) {
    struct ring_entry *oldest = ring->entries[ring->first];
    ring->bytes -= ring_entry_size(oldest);
    ring->first = place(ring, 1);
    ring->count--;
    free(oldest);
    if (ring->count == 0) { /* what was large once need not stay so */
        free(ring->entries);
        *ring = (struct ring){.entries = NULL};
    }
}

struct wshub_message ring_at(const struct ring *ring, size_t index) {
    const struct ring_entry *entry = ring->entries[place(ring, index)];
    struct wshub_message message = {.struct_size = sizeof message};
    struct wshub_bytes *parts[PARTS];
    const char *next = entry->bytes;
    parts_of(&message, parts);
    for (size_t i = 0; i < PARTS; i++) {
        parts[i]->data = next;
        parts[i]->length = entry->lengths[i];
        next += entry->lengths[i];
    }
    return message;
}

void ring_clear(struct ring *ring) {
    while (ring->count > 0) {
        ring_drop(ring);
    }
}
