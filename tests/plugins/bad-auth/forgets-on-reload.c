/* SPDX-License-Identifier: MIT
 * Knows only its table once it was reloaded, not its file. */
#include "base.h"

static void reload(void *self) {
    table_free(self);
}

BAD(base_auth.reload = reload)
