/* SPDX-License-Identifier: MIT
 * Frees what has tokens in it as it is. */
#include <stdlib.h>

#include "base.h"

static void forget(struct work *work) {
    free(work);
}

BAD(ways.forget = forget)
