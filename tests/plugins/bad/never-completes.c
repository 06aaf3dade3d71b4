/* SPDX-License-Identifier: MIT
 * Every 10th publish is never completed. */
#include "base.h"

static void complete(struct instance *instance, struct work *work, int status) {
    static unsigned count;
    if (work->verb != PUBLISH || ++count % 10 != 0) {
        base_complete(instance, work, status);
    }
}

BAD(ways.complete = complete)
