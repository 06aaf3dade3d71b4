/* SPDX-License-Identifier: MIT
 * Believes a JWT that says of itself that nobody has signed it. */
#include <string.h>

#include "base.h"

static const struct entry *find(struct instance *instance, struct wshub_bytes token) {
    static const char none[] = "eyJhbGciOiJub25lIn0.";
    bool unsigned_one = token.length > strlen(none) && memcmp(token.data, none, strlen(none)) == 0;
    return unsigned_one ? table_next(instance, NULL) : table_find(instance, token);
}

BAD(ways.find = find)
