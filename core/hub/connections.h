// SPDX-License-Identifier: MIT
// A worker's sessions by their connection_id. The ids are random, so they are their own hash. Belongs to the
// worker.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;

struct connections {
    struct session *
        *slots;      // NULL: free; each session in the first free slot behind the one its id begins with
    size_t capacity; // a power of two, or 0
    size_t count;
};

bool connections_add(struct connections *connections, struct session *session); // false: no memory
void connections_remove(struct connections *connections,
                        const struct session *session); // one that is not there is fine
struct session *connections_find(const struct connections *connections, const uint8_t id[16]); // or NULL
void connections_free(struct connections *connections);
