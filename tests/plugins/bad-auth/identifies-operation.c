/* SPDX-License-Identifier: MIT
 * Tells of an operation who wants it. */
#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    if (work->slot == AUTHORIZE) {
        base_identify(instance, work, table_next(instance, NULL));
    }
    return base_decide(instance, work);
}

BAD(ways.decide = decide)
