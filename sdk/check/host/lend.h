// SPDX-License-Identifier: MIT
// What the host lends to a slot: copies that are worth nothing once the slot has returned. They are
// overwritten then, and kept for a while: who writes into one is found out when its turn to be freed comes.
// What is lent strictly stands on pages of its own, which end with it, and are taken away: then reading it
// too late is a crash, and so is reading beyond its end.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "wshub/message.h"

struct check;

struct lent { // one call's worth; zeroed: nothing yet
    char *memory;
    size_t size, used;
    bool strict;
};

// Room for so many bytes in `pieces` pieces. False: no memory.
bool lend_begin(struct lent *lent, size_t bytes, size_t pieces, bool strict);
// A copy. A struct is aligned.
void *lend_copy(struct lent *lent, const void *data, size_t length);
struct wshub_bytes lend_bytes(struct lent *lent, struct wshub_bytes bytes);
void lend_end(struct check *check, struct lent *lent, const char *slot);
// Whether it is or was lent strictly. Safe in a signal handler.
bool lend_owns(const void *address);
