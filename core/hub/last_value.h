// SPDX-License-Identifier: MIT
// A channel's last value, as the hub thread knows it while the channel is subscribed at the broker: for the
// workers that come to it later. Belongs to the hub thread, but for the counters.
#pragma once

#include <stdbool.h>

struct hub_stats;
struct message;

struct last_value {          // zero: nothing is known
    struct message *message; // a reference; NULL: none, or not known
    bool awaited;            // the broker may still bring the one that it has kept
    bool owed;               // it came while its subscribers could not be told; message->is_last
};

// The channel is about to be subscribed at the broker, which will bring what it has kept.
void last_value_await(struct last_value *last, struct hub_stats *stats);
// The message is the last now. An empty one says that there is none.
void last_value_set(struct last_value *last, struct message *message, struct hub_stats *stats);
// What is known may be old.
void last_value_forget(struct last_value *last, struct hub_stats *stats);
