/* SPDX-License-Identifier: MIT
 * Finds a token within what was shown. */
#include <string.h>

#include "base.h"

static const struct entry *find(struct instance *instance, struct wshub_bytes token) {
    const struct entry *entry = NULL;
    while ((entry = table_next(instance, entry)) && !(strstr(token.data, entry->token) != NULL)) {
    }
    return entry;
}

BAD(ways.find = find)
