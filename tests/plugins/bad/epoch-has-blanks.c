/* SPDX-License-Identifier: MIT
 * Its epoch is a sentence. */
#include "base.h"

static void positioned(struct instance *to, struct work *work, struct wshub_bytes epoch, uint64_t oldest,
                       uint64_t newest) {
    (void)epoch;
    base_positioned(to, work, base_bytes("the first one"), oldest, newest);
}

BAD(ways.positioned = positioned)
