/* SPDX-License-Identifier: MIT
 * Takes a repetition once, and delivers it again. */
#include "base.h"

static void positioned(struct instance *to, struct work *work, struct wshub_bytes epoch, uint64_t oldest,
                       uint64_t newest) {
    const struct topic *topic = topics_find(work->message.channel);
    if (work->verb == PUBLISH && newest < topic->offset && topic->subscriptions) {
        struct wshub_message again = work->message;
        again.epoch = epoch;
        again.offset = newest;
        base_deliver(topic->subscriptions->instance, &again);
    }
    base_positioned(to, work, epoch, oldest, newest);
}

BAD(ways.positioned = positioned)
