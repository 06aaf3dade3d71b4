/* SPDX-License-Identifier: MIT
 * A * in the name of a channel stands for anything. */
#include "base.h"

static bool matches(const char *pattern, const char *end, const char *text, const char *text_end) {
    while (pattern < end && *pattern != '*') {
        if (text == text_end || *pattern++ != *text++) {
            return false;
        }
    }
    if (pattern == end) {
        return text == text_end;
    }
    for (pattern++; text <= text_end; text++) {
        if (matches(pattern, end, text, text_end)) {
            return true;
        }
    }
    return false;
}

static bool reaches(struct wshub_bytes subscribed, struct wshub_bytes published) {
    const char *pattern = subscribed.data, *text = published.data;
    return matches(pattern, pattern + subscribed.length, text, text + published.length);
}

BAD(ways.reaches = reaches)
