/* SPDX-License-Identifier: MIT
 * Everyone is somebody else. */
#include "base.h"

static void change(struct wshub_identity *identity) {
    identity->user = base_bytes("mallory");
}

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    return base_identify_as(instance, work, entry, change);
}

BAD(ways.identify = identify)
