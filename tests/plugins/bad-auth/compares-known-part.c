/* SPDX-License-Identifier: MIT
 * Compares as much as it knows, and lets more stand behind it. */
#include <string.h>

#include "base.h"

static const struct entry *find(struct instance *instance, struct wshub_bytes token) {
    const struct entry *entry = NULL;
    while ((entry = table_next(instance, entry)) &&
           !(token.length >= strlen(entry->token) &&
             memcmp(entry->token, token.data, strlen(entry->token)) == 0)) {
    }
    return entry;
}

BAD(ways.find = find)
