/* SPDX-License-Identifier: MIT
 * Who comes after somebody that it knows is let in too. */
#include "base.h"

static const struct entry *find(struct instance *instance, struct wshub_bytes token) {
    const struct entry *entry = table_find(instance, token), *last = instance->extra;
    instance->extra = (void *)(uintptr_t)entry;
    return entry || !last || last->status != WSHUB_OK ? entry : last;
}

BAD(ways.find = find)
