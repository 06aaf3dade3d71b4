// SPDX-License-Identifier: MIT
// What an identity was granted, made ready to be asked: names by themselves in a sorted array, patterns with
// stars beside it. It knows no channels, so that how many there are cannot matter. Immutable; any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"
#include "wshub/auth.h"

struct grants;

enum {
    GRANT_PATTERN_MAX = 255,
    GRANT_NAME_MAX = 255,            // of what may be granted: names of channels, ids of users
    GRANTS_PATTERNS_MAX = 64 * 1024, // bytes of all patterns together
};

// Copies. {user} becomes `user`; a grant that names it is dropped where that is empty, and one that can
// cover no name too. NULL: no memory, with *why NULL; or a rule of wshub/auth.h is broken, with *why a
// constant that says which.
struct grants *grants_new(const struct wshub_grant *theirs, uint64_t count, struct span user,
                          const char **why);
void grants_free(struct grants *grants); // wipes them; NULL is fine

// Does one of this verb cover the name? In time that depends on the name's length, on how many have stars,
// and on the logarithm of how many have none.
bool grants_cover(const struct grants *grants, enum wshub_verb verb, struct span name);
