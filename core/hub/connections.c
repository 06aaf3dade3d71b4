// SPDX-License-Identifier: MIT
#include "hub/connections.h"

#include <stdlib.h>
#include <string.h>

#include "hub/session.h"

enum { SMALLEST = 16 };

static size_t home_of(const struct connections *connections, const uint8_t id[16]) {
    uint64_t bits;
    memcpy(&bits, id, sizeof bits);
    return (size_t)bits & (connections->capacity - 1);
}

static size_t next_of(const struct connections *connections, size_t i) {
    return (i + 1) & (connections->capacity - 1);
}

static void put(struct connections *connections, struct session *session) {
    size_t i = home_of(connections, session->id);
    while (connections->slots[i]) {
        i = next_of(connections, i);
    }
    connections->slots[i] = session;
    connections->count++;
}

// At most seven of eight slots are taken.
static bool grow(struct connections *connections) {
    struct connections grown = {.capacity = connections->capacity ? 2 * connections->capacity : SMALLEST};
    grown.slots = calloc(grown.capacity, sizeof(struct session *));
    if (!grown.slots) {
        return false;
    }
    for (size_t i = 0; i < connections->capacity; i++) {
        if (connections->slots[i]) {
            put(&grown, connections->slots[i]);
        }
    }
    free(connections->slots);
    *connections = grown;
    return true;
}

bool connections_add(struct connections *connections, struct session *session) {
    if (connections->count >= connections->capacity - connections->capacity / 8 && !grow(connections)) {
        return false;
    }
    put(connections, session);
    return true;
}

// SIZE_MAX: it is not there.
static size_t find(const struct connections *connections, const uint8_t id[16]) {
    if (connections->count == 0) {
        return SIZE_MAX;
    }
    size_t i = home_of(connections, id);
    while (connections->slots[i] && memcmp(connections->slots[i]->id, id, 16) != 0) {
        i = next_of(connections, i);
    }
    return connections->slots[i] ? i : SIZE_MAX;
}

struct session *connections_find(const struct connections *connections, const uint8_t id[16]) {
    size_t i = find(connections, id);
    return i == SIZE_MAX ? NULL : connections->slots[i];
}

// Those behind it move up, so that no search stops too early and no slot stays dead.
void connections_remove(struct connections *connections, const struct session *session) {
    size_t hole = find(connections, session->id);
    if (hole == SIZE_MAX) {
        return;
    }
    size_t mask = connections->capacity - 1;
    for (size_t i = next_of(connections, hole); connections->slots[i]; i = next_of(connections, i)) {
        size_t home = home_of(connections, connections->slots[i]->id);
        if (((i - home) & mask) >= ((i - hole) & mask)) { // its home is not behind the hole
            connections->slots[hole] = connections->slots[i];
            hole = i;
        }
    }
    connections->slots[hole] = NULL;
    connections->count--;
}

void connections_free(struct connections *connections) {
    free(connections->slots);
    *connections = (struct connections){0};
}
