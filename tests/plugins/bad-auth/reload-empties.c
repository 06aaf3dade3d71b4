/* SPDX-License-Identifier: MIT
 * Forgets what it knew before it reads. */
#include "base.h"

static void reload(void *self) {
    table_free(self);
    base_reload(self);
}

BAD(base_auth.reload = reload)
