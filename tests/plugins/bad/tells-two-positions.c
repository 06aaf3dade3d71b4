/* SPDX-License-Identifier: MIT
 * Tells a publish its position twice. */
#include "base.h"

static void positioned(struct instance *to, struct work *work, struct wshub_bytes epoch, uint64_t oldest,
                       uint64_t newest) {
    base_positioned(to, work, epoch, oldest, newest);
    if (work->verb == PUBLISH) {
        base_positioned(to, work, epoch, oldest, newest);
    }
}

BAD(ways.positioned = positioned)
