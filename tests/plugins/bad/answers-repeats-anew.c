/* SPDX-License-Identifier: MIT
 * Answers a repetition with the newest position. */
#include "base.h"

static void positioned(struct instance *to, struct work *work, struct wshub_bytes epoch, uint64_t oldest,
                       uint64_t newest) {
    const struct topic *topic = topics_find(work->message.channel);
    base_positioned(to, work, epoch, oldest, work->verb == PUBLISH ? topic->offset : newest);
}

BAD(ways.positioned = positioned)
