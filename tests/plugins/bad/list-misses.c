/* SPDX-License-Identifier: MIT
 * A list of its registry ends after 100 entries: the next page is forgotten. */
#include "base.h"

static void found(struct instance *to, struct work *work, struct wshub_bytes key, struct wshub_bytes value) {
    static wshub_token token;
    static unsigned count;
    count = token == work->token ? count + 1 : 1;
    token = work->token;
    if (count <= 100) {
        to->host->entry(to->host->self, work->token, key, value);
    }
}

BAD(ways.found = found)
