/* SPDX-License-Identifier: MIT
 * A user of 300 letters. */
#include <string.h>

#include "base.h"

static void change(struct wshub_identity *identity) {
    static char user[300];
    memset(user, 'u', sizeof user);
    identity->user = (struct wshub_bytes){user, sizeof user};
}

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    return base_identify_as(instance, work, entry, change);
}

BAD(ways.identify = identify)
