/* SPDX-License-Identifier: MIT
 * Reads its file once more, and keeps what it had. */
#include <stdlib.h>

#include "base.h"

static void *volatile kept;

static void reload(void *self) {
    base_reload(self);
    kept = malloc(100);
}

BAD(base_auth.reload = reload)
