/* SPDX-License-Identifier: MIT
 * Tells who it is, and then says no. */
#include "base.h"

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    base_identify(instance, work, entry);
    return base_is(base_bytes(entry->user), "bob") ? WSHUB_DENIED : WSHUB_OK;
}

BAD(ways.identify = identify)
