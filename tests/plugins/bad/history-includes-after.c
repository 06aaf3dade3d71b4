/* SPDX-License-Identifier: MIT
 * A page of a history begins with the last message of the one before. */
#include "base.h"

static int history(void *self, const struct wshub_history_query *query, wshub_token token) {
    struct wshub_history_query copy = *query;
    if (copy.after > 0) {
        copy.after = copy.flags & WSHUB_HISTORY_BACKWARDS ? copy.after + 1 : copy.after - 1;
    }
    return base_history(self, &copy, token);
}

BAD(base_broker.history = history)
