/* SPDX-License-Identifier: MIT
 * Its offsets grow by two. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    struct topic *topic = work->verb == PUBLISH ? topics_find(work->message.channel) : NULL;
    if (topic && topic->offset > 0 && work->message.history_size > 0) {
        topic->offset++;
    }
    return base_run(instance, work);
}

BAD(ways.run = run)
