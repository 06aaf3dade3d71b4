/* SPDX-License-Identifier: MIT
 * Lets in every hundredth stranger. */
#include "base.h"

static const struct entry *find(struct instance *instance, struct wshub_bytes token) {
    static unsigned count;
    const struct entry *entry = table_find(instance, token);
    return entry || ++count % 100 != 0 ? entry : table_next(instance, NULL);
}

BAD(ways.find = find)
