/* SPDX-License-Identifier: MIT
 * Tells all of a history, however little was asked for. */
#include "base.h"

static int history(void *self, const struct wshub_history_query *query, wshub_token token) {
    struct wshub_history_query copy = *query;
    copy.limit = copy.limit > 0 ? UINT64_MAX : 0;
    return base_history(self, &copy, token);
}

BAD(base_broker.history = history)
