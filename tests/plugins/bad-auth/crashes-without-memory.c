/* SPDX-License-Identifier: MIT
 * Takes memory for granted. */
#include <stdlib.h>

#include "base.h"

static int decide(struct instance *instance, struct work *work) {
    char *needed = malloc(64);
    *(volatile char *)needed = 1;
    free(needed);
    return base_decide(instance, work);
}

BAD(ways.decide = decide)
