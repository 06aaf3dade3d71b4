/* SPDX-License-Identifier: MIT
 * Leaves an offset out when the oldest message makes room for another. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    struct topic *topic = work->verb == PUBLISH ? topics_find(work->message.channel) : NULL;
    if (topic && topic->count > 0 && topic->count == work->message.history_size) {
        topic->offset++;
    }
    return base_run(instance, work);
}

BAD(ways.run = run)
