/* SPDX-License-Identifier: MIT
 * Keeps the name of a channel that it was lent, and looks at it when subscribe has returned. */
#include "base.h"

static struct wshub_bytes lent;

static int subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    lent = channel;
    return base_subscribe(self, channel, token);
}

static int run(struct instance *instance, struct work *work) {
    struct wshub_bytes mine = work->message.channel;
    if (work->verb == SUBSCRIBE && lent.length == mine.length) {
        work->message.channel = lent;
    }
    int status = base_run(instance, work);
    work->message.channel = mine;
    return status;
}

BAD((base_broker.subscribe = subscribe, ways.run = run))
