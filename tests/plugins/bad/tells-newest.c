/* SPDX-License-Identifier: MIT
 * Tells a publish what offset is the newest by now, not which is its own: with others under way, that is
 * another. */
#include "base.h"

static void positioned(struct instance *to, struct work *work, struct wshub_bytes epoch, uint64_t oldest,
                       uint64_t newest) {
    bool is_late = work->verb == PUBLISH && work->next && work->next->verb == PUBLISH;
    base_positioned(to, work, epoch, oldest, newest + is_late);
}

BAD(ways.positioned = positioned)
