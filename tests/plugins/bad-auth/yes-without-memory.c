/* SPDX-License-Identifier: MIT
 * Lets in whoever comes when memory has ended. */
#include <stdlib.h>

#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    void *needed = malloc(64);
    if (!needed && work->slot != AUTHORIZE) {
        return base_identify(instance, work, table_next(instance, NULL));
    }
    free(needed);
    return base_decide(instance, work);
}

BAD(ways.decide = decide)
