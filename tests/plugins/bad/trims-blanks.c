/* SPDX-License-Identifier: MIT
 * A blank at the end of a name is nothing to it. */
#include "base.h"

static struct wshub_bytes trimmed(struct wshub_bytes name) {
    while (name.length > 1 && ((const char *)name.data)[name.length - 1] == ' ') {
        name.length--;
    }
    return name;
}

static int compare(struct wshub_bytes a, struct wshub_bytes b) {
    return base_compare(trimmed(a), trimmed(b));
}

BAD(ways.compare = compare)
