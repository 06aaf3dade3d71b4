// SPDX-License-Identifier: MIT
// A table that ends where memory ends: one byte behind it is a page that cannot be read. Who reads beyond a
// struct_size crashes.
#pragma once

#include <stddef.h>

struct check;

struct edge {
    char *pages;
    size_t size;
};

// A copy of the first `length` bytes of `table`, as close to the edge as its alignment (8) allows; until
// edge_free. Fails the case without memory.
void *edge_put(struct check *check, struct edge *edge, const void *table, size_t length);
void edge_free(struct edge *edge);
