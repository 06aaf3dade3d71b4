// SPDX-License-Identifier: MIT
// Channel names that are nasty: every byte that the ABI allows, what is special to some broker, and what is
// nearly the same as another. A set of them, in families. Pure, any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "wshub/message.h"

struct names { // zeroed: empty
    struct wshub_bytes *items;
    size_t count, size;
    bool failed; // no memory: the set is not whole
};

// Copies the name. One of more than 255 bytes is left out.
void names_add(struct names *names, const void *data, size_t length);
// Sorts by length and bytes, and keeps one of each.
void names_settle(struct names *names);
bool names_have(const struct names *names, struct wshub_bytes name); // after names_settle
void names_free(struct names *names);

// ---- families ----

void names_add_ascii(struct names *names); // each printable character alone, doubled, at both ends, between
void names_add_wildcards(struct names *names); // patterns, separators and reserved names of the brokers
void names_add_prefixes(struct names *names);  // each begins another; the same with other case
void names_add_unicode(struct names *names);   // two, three and four bytes; those that only look the same
void names_add_long(struct names *names);      // up to 255 bytes, different in the first or the last only
void names_add_escapes(struct names *names);   // what another name looks like when a plugin has escaped it
