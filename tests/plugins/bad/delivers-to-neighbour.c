/* SPDX-License-Identifier: MIT
 * Every 100th message comes on another channel that is subscribed. */
#include "base.h"

static void deliver(struct instance *to, const struct wshub_message *message) {
    static unsigned count;
    struct wshub_message copy = *message;
    struct subscription *other = to->subscriptions;
    if (++count % 100 == 0 && other) {
        bool itself = base_compare(other->topic->name, message->channel) == 0;
        other = itself && other->after ? other->after : other;
        copy.channel = other->topic->name;
    }
    base_deliver(to, &copy);
}

BAD(ways.deliver = deliver)
