/* SPDX-License-Identifier: MIT
 * A grant for no name. */
#include "base.h"

static void change(struct wshub_identity *identity) {
    static const struct wshub_grant none = {{"", 0}, WSHUB_VERB_SUBSCRIBE, 0};
    identity->grants = &none;
    identity->grant_count = 1;
}

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    return base_identify_as(instance, work, entry, change);
}

BAD(ways.identify = identify)
