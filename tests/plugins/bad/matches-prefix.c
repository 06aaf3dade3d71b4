/* SPDX-License-Identifier: MIT
 * A channel gets what is published below it too. */
#include <string.h>

#include "base.h"

static bool reaches(struct wshub_bytes subscribed, struct wshub_bytes published) {
    return published.length >= subscribed.length &&
           memcmp(published.data, subscribed.data, subscribed.length) == 0;
}

BAD(ways.reaches = reaches)
