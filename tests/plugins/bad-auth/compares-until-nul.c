/* SPDX-License-Identifier: MIT
 * Takes the token for a text that ends with a NUL. */
#include <string.h>

#include "base.h"

static const struct entry *find(struct instance *instance, struct wshub_bytes token) {
    const struct entry *entry = NULL;
    while ((entry = table_next(instance, entry)) && !(strcmp(entry->token, token.data) == 0)) {
    }
    return entry;
}

BAD(ways.find = find)
