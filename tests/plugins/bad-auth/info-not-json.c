/* SPDX-License-Identifier: MIT
 * Information that is not JSON. */
#include "base.h"

static void change(struct wshub_identity *identity) {
    identity->info = base_bytes("name=Alice");
}

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    return base_identify_as(instance, work, entry, change);
}

BAD(ways.identify = identify)
