/* SPDX-License-Identifier: MIT
 * Compares as much as was shown. */
#include <string.h>

#include "base.h"

static const struct entry *find(struct instance *instance, struct wshub_bytes token) {
    const struct entry *entry = NULL;
    while ((entry = table_next(instance, entry)) && !(strncmp(entry->token, token.data, token.length) == 0)) {
    }
    return entry;
}

BAD(ways.find = find)
