/* SPDX-License-Identifier: MIT
 * Forgets every 700th request. */
#include "base.h"

static void complete(struct instance *instance, struct work *work, int status) {
    static unsigned count;
    if (++count % 700 != 0) {
        base_complete(instance, work, status);
    }
}

BAD(ways.complete = complete)
