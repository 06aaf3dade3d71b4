/* SPDX-License-Identifier: MIT
 * Keeps the last tokens while it is open. */
#include <string.h>

#include "base.h"

static char last[8][256];

static int decide(struct instance *instance, struct work *work) {
    static unsigned next;
    size_t length = work->shown.length < 256 ? work->shown.length : 256;
    memcpy(last[next++ % 8], work->shown.data, length);
    return base_decide(instance, work);
}

static void leave(void *self) {
    memset(last, 0, sizeof last);
    base_close(self);
}

BAD((ways.decide = decide, base_auth.close = leave))
