/* SPDX-License-Identifier: MIT
 * Does not read its file again. */
#include "base.h"

static void reload(void *self) {
    (void)self;
}

BAD(base_auth.reload = reload)
