/* SPDX-License-Identifier: MIT
 * Unsubscribing from what is not subscribed, which a hub does after a timeout, is an error to it. */
#include "base.h"

static int run(struct instance *instance, struct work *work) {
    struct subscription *at = instance->subscriptions;
    while (at && base_compare(at->topic->name, work->message.channel) != 0) {
        at = at->after;
    }
    return work->verb == UNSUBSCRIBE && !at ? WSHUB_NOT_FOUND : base_run(instance, work);
}

BAD(ways.run = run)
