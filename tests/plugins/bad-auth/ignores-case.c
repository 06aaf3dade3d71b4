/* SPDX-License-Identifier: MIT
 * Does not tell capital letters from small ones. */
#include <string.h>
#include <strings.h>

#include "base.h"

static const struct entry *find(struct instance *instance, struct wshub_bytes token) {
    const struct entry *entry = NULL;
    while (
        (entry = table_next(instance, entry)) &&
        !(token.length == strlen(entry->token) && strncasecmp(entry->token, token.data, token.length) == 0)) {
    }
    return entry;
}

BAD(ways.find = find)
