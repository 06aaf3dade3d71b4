// SPDX-License-Identifier: MIT
// Which known key was meant by an unknown one. Pure.
#pragma once

#include <stddef.h>

struct key;

enum { NEAREST_NAME_MAX = 64 };

// How many letters are inserted, left out, replaced or swapped with their neighbour between `a` and `b`; case
// does not count, nor does `-` for `_`. NEAREST_NAME_MAX when either is longer than that.
size_t nearest_distance(const char *a, const char *b);

// The key nearest to `name`, in `keys` or else in one of its sections, which then is *section (else NULL).
// NULL when nothing is near enough to be meant.
const struct key *nearest_key(const struct key *keys, const char *name, const struct key **section);
