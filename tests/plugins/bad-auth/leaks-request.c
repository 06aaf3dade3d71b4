/* SPDX-License-Identifier: MIT
 * Keeps a bit of every request. */
#include <stdlib.h>

#include "base.h"

static struct kept { struct kept *next; } * all;

static int decide(struct instance *instance, struct work *work) {
    struct kept *kept = malloc(sizeof *kept);
    if (kept) {
        kept->next = all;
        all = kept;
    }
    return base_decide(instance, work);
}

BAD(ways.decide = decide)
