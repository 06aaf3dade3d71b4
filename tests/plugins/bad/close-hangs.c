/* SPDX-License-Identifier: MIT
 * Waits in close for what will never come. */
#include "base.h"

static void close_never(void *self) {
    (void)self;
    for (;;) {
        base_sleep(1000);
    }
}

BAD(base_broker.close = close_never)
