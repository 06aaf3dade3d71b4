// SPDX-License-Identifier: MIT
// Whether some bytes stand anywhere in the memory of this process: in what can be written to, on the heap, on
// stacks and in data. What is looked for is never whole itself, so that only others' copies are found.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SEARCH_LENGTH = 32 };

// Random letters and digits, veiled.
struct search_marker {
    unsigned char veiled[SEARCH_LENGTH];
    unsigned char veil;
};

struct check;
void search_make(struct check *check, struct search_marker *marker);
void search_unveil(const struct search_marker *marker, char *out); // SEARCH_LENGTH bytes, not terminated
// How often it is there. `out`: the name of the mapping where it was found last, "[heap]" or "" for a part of
// the heap without a name. False: the memory cannot be read.
bool search_count(const struct search_marker *marker, unsigned *count, char *out, size_t size);
