/* SPDX-License-Identifier: MIT
 * Two thousand grants. */
#include "base.h"

static void change(struct wshub_identity *identity) {
    static struct wshub_grant many[2000];
    for (size_t i = 0; i < 2000; i++) {
        many[i] = (struct wshub_grant){{"room", 4}, WSHUB_VERB_SUBSCRIBE, 0};
    }
    identity->grants = many;
    identity->grant_count = 2000;
}

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    return base_identify_as(instance, work, entry, change);
}

BAD(ways.identify = identify)
