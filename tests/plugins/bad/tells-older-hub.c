/* SPDX-License-Identifier: MIT
 * Tells every hub where a message stands, one of ABI 1.2 too. */
#include "base.h"

static void positioned(struct instance *to, struct work *work, struct wshub_bytes epoch, uint64_t oldest,
                       uint64_t newest) {
    to->host->position(to->host->self, work->token, epoch, oldest, newest);
}

BAD(ways.positioned = positioned)
