/* SPDX-License-Identifier: MIT
 * Its reload waits. */
#include "base.h"

static void reload(void *self) {
    base_sleep(300);
    base_reload(self);
}

BAD(base_auth.reload = reload)
