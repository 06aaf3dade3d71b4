// SPDX-License-Identifier: MIT
// Live messages of a channel that came before one that is missing: by offset, each once. Few and for a short
// time; what has no room here is read from the history with the missing one. Pure; one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct message;

enum { AHEAD_MESSAGES_MAX = 1024, AHEAD_BYTES_MAX = 4 * 1024 * 1024 };

struct ahead { // zero: empty
    struct message **items;
    uint32_t first, end, capacity; // items[first] to items[end - 1]
    uint64_t bytes;                // message_weight of them
};

// Takes a reference. False: there is no room, or no memory for it. One whose offset is here already is not
// kept, and true.
bool ahead_put(struct ahead *ahead, struct message *message);
struct message *ahead_first(const struct ahead *ahead); // borrowed; NULL: none
struct message *ahead_take(struct ahead *ahead);        // the first one, with its reference
void ahead_clear(struct ahead *ahead);
