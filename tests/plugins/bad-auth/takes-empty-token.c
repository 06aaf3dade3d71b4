/* SPDX-License-Identifier: MIT
 * Lets in who shows an empty token. */
#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    return work->slot != AUTHORIZE && work->shown.length == 0
               ? base_identify(instance, work, table_next(instance, NULL))
               : base_decide(instance, work);
}

BAD(ways.decide = decide)
