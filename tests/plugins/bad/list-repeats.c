/* SPDX-License-Identifier: MIT
 * A list of its registry has some entries twice. */
#include "base.h"

static void found(struct instance *to, struct work *work, struct wshub_bytes key, struct wshub_bytes value) {
    static unsigned count;
    to->host->entry(to->host->self, work->token, key, value);
    if (work->verb == LIST && ++count % 7 == 0) {
        to->host->entry(to->host->self, work->token, key, value);
    }
}

BAD(ways.found = found)
