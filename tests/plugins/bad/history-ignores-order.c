/* SPDX-License-Identifier: MIT
 * Cannot read a history backwards. */
#include "base.h"

static int history(void *self, const struct wshub_history_query *query, wshub_token token) {
    struct wshub_history_query copy = *query;
    copy.flags &= ~(uint32_t)WSHUB_HISTORY_BACKWARDS;
    return base_history(self, &copy, token);
}

BAD(base_broker.history = history)
