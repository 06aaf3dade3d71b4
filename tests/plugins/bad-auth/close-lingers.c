/* SPDX-License-Identifier: MIT
 * Its close takes longer than the host waits. */
#include "base.h"

static void leave(void *self) {
    base_close(self);
    base_sleep(5200);
}

BAD(base_auth.close = leave)
