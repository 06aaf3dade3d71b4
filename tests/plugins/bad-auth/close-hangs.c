/* SPDX-License-Identifier: MIT
 * Its close does not return. */
#include "base.h"

static void leave(void *self) {
    base_close(self);
    for (;;) {
        base_sleep(1000);
    }
}

BAD(base_auth.close = leave)
