/* SPDX-License-Identifier: MIT
 * Gives a user another name each time. */
#include <stdio.h>

#include "base.h"

static char name[32];

static void change(struct wshub_identity *identity) {
    static unsigned count;
    snprintf(name, sizeof name, "token-%u", ++count);
    identity->token_id = base_bytes(name);
}

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    return base_identify_as(instance, work, entry, change);
}

BAD(ways.identify = identify)
