// SPDX-License-Identifier: MIT
// Operations that wait until a question about their session is answered: copies, in order. A token among them
// is secret, so all of them are wiped. Belongs to a worker.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol/protocol.h"

struct backlog_item {
    struct backlog_item *next;
    size_t size; // of bytes
    struct operation operation;
    char bytes[]; // what it points to
};

struct backlog {
    struct backlog_item *first, *last;
    size_t size; // bytes of memory
};

struct backlog_item *backlog_item_new(const struct operation *operation); // NULL: no memory
void backlog_item_free(struct backlog_item *item);                        // NULL is fine

void backlog_append(struct backlog *backlog, struct backlog_item *item); // takes it
struct backlog_item *backlog_take(struct backlog *backlog);              // the first, or NULL
void backlog_clear(struct backlog *backlog);
