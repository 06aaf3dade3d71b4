/* SPDX-License-Identifier: MIT
 * Honours keys, and tells no publish where its message stands. */
#include "base.h"

static void positioned(struct instance *to, struct work *work, struct wshub_bytes epoch, uint64_t oldest,
                       uint64_t newest) {
    if (work->verb == HISTORY) {
        base_positioned(to, work, epoch, oldest, newest);
    }
}

BAD(ways.positioned = positioned)
