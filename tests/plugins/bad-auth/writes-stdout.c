/* SPDX-License-Identifier: MIT
 * Tells on stdout whom it is asked about. */
#include <stdio.h>

#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    puts("deciding");
    fflush(stdout);
    return base_decide(instance, work);
}

BAD(ways.decide = decide)
