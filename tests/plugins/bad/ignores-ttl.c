/* SPDX-License-Identifier: MIT
 * Its entries never expire. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    work->ttl = 24 * 3600 * 1000;
    return base_run(instance, work);
}

BAD(ways.run = run)
