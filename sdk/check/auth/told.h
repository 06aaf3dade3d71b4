// SPDX-License-Identifier: MIT
// What a plugin has told with identify: held against the rules of wshub/auth.h, copied, compared. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "wshub/auth.h"

struct told { // one block, for free; what it points to stands in it
    struct wshub_identity identity;
    char bytes[];
};

enum { TOLD_WHY = 256 };

// What stands in theirs as far as this kit knows its members. False: `why` says which rule it breaks.
bool told_take(struct wshub_identity *wide, const struct wshub_identity *theirs, char why[TOLD_WHY]);
struct told *told_copy(const struct wshub_identity *wide); // NULL: no memory
// Whether both are the same client with the same rights. `issued` and `expires` may be counted from the
// decision: of these, only whether they are there. False: `why` says what differs.
bool told_is_same(const struct told *a, const struct told *b, char why[TOLD_WHY]);
