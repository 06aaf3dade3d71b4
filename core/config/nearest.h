// SPDX-License-Identifier: MIT
// Which known name was meant by an unknown one. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct key;

enum { NEAREST_NAME_MAX = 64 };

// How many letters are inserted, left out, replaced or swapped with their neighbour between `a` and `b`; case
// does not count, nor does `-` for `_`. NEAREST_NAME_MAX when either is longer than that.
size_t nearest_distance(const char *a, const char *b);

// A search among names that are offered one by one. `best` is the nearest so far; NULL: none is near enough
// to be meant.
struct nearest {
    const char *name, *best;
    size_t distance; // that the next one must be below
};
struct nearest nearest_to(const char *name);
// True: it is the best now. Borrows it.
bool nearest_offer(struct nearest *nearest, const char *candidate);

// The key nearest to `name`, in `keys` or else in one of its sections, which then is *section (else NULL).
// NULL when nothing is near enough to be meant.
const struct key *nearest_key(const struct key *keys, const char *name, const struct key **section);
