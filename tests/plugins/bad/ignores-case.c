/* SPDX-License-Identifier: MIT
 * Chat and chat are one channel to it. */
#include <strings.h>

#include "base.h"

static int compare(struct wshub_bytes a, struct wshub_bytes b) {
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = strncasecmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

BAD(ways.compare = compare)
