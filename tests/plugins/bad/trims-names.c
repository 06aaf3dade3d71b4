/* SPDX-License-Identifier: MIT
 * Looks at the first 128 bytes of a name. */
#include "base.h"

static int compare(struct wshub_bytes a, struct wshub_bytes b) {
    a.length = a.length > 128 ? 128 : a.length;
    b.length = b.length > 128 ? 128 : b.length;
    return base_compare(a, b);
}

BAD(ways.compare = compare)
