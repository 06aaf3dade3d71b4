/* SPDX-License-Identifier: MIT
 * A > at the end of a channel stands for all that begins so, if a dot comes before it. */
#include <string.h>

#include "base.h"

static bool reaches(struct wshub_bytes subscribed, struct wshub_bytes published) {
    const char *pattern = subscribed.data;
    size_t length = subscribed.length;
    if (length >= 2 && memcmp(pattern + length - 2, ".>", 2) == 0) {
        return published.length >= length && memcmp(published.data, pattern, length - 1) == 0;
    }
    return base_compare(subscribed, published) == 0;
}

BAD(ways.reaches = reaches)
