/* SPDX-License-Identifier: MIT
 * Says yes first, and then to whom. */
#include "base.h"

static const struct entry *known;

static int identify(struct instance *instance, struct work *work, const struct entry *entry) {
    (void)instance;
    (void)work;
    known = entry;
    return WSHUB_OK;
}

static void complete(struct instance *instance, struct work *work, int status) {
    base_complete(instance, work, status);
    if (known) {
        base_identify(instance, work, known);
        known = NULL;
    }
}

BAD((ways.identify = identify, ways.complete = complete))
