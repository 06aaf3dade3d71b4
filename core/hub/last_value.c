// SPDX-License-Identifier: MIT
#include "hub/last_value.h"

#include "hub/hub.h"
#include "hub/message.h"

static void count(struct hub_stats *stats, const struct message *message, int sign) {
    counter_add(&stats->last_values, sign);
    counter_add(&stats->last_value_bytes, sign * (int64_t)message_weight(message));
}

void last_value_forget(struct last_value *last, struct hub_stats *stats) {
    if (last->message) {
        count(stats, last->message, -1);
        message_unref(last->message);
    }
    last->message = NULL;
    last->owed = false;
}

void last_value_await(struct last_value *last, struct hub_stats *stats) {
    last_value_forget(last, stats);
    last->awaited = true;
}

void last_value_set(struct last_value *last, struct message *message, struct hub_stats *stats) {
    last_value_forget(last, stats);
    last->awaited = false;
    if (message->payload_length > 0) {
        message_ref(message);
        last->message = message;
        count(stats, message, 1);
    }
}
