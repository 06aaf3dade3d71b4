/* SPDX-License-Identifier: MIT
 * A user with a line feed. */
#include "base.h"

static void change(struct wshub_identity *identity) {
    identity->user = base_bytes("alice\nbob");
}

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    return base_identify_as(instance, work, entry, change);
}

BAD(ways.identify = identify)
