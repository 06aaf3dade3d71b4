// SPDX-License-Identifier: MIT
// The hub's half of one broker: calls the plugin's slots, gives every call a deadline, and settles each
// exactly once whatever the plugin does. Belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/counter.h"
#include "wshub/broker.h"

struct broker;
struct log;
struct wshub_plugin;

// What the rest of the hub hears of it, on the hub thread.
struct broker_listener {
    void *context;
    int (*on_deliver)(void *context, struct broker *broker, const struct wshub_message *message);
    void (*on_link)(void *context, struct broker *broker, enum wshub_link_state state, const char *reason);
};

// Called exactly once for every call below that took it, possibly before that call returns. `status` is of
// enum wshub_status.
typedef void (*broker_done_fn)(void *context, void *argument, int status);

enum broker_operation { BROKER_SUBSCRIBE, BROKER_UNSUBSCRIBE, BROKER_PUBLISH, BROKER_OPERATIONS };
extern const char *const broker_operation_names[BROKER_OPERATIONS];

// Upper bounds of the latency histogram, in seconds; the last bucket is +Inf.
enum { BROKER_BUCKETS = 9 };
extern const double broker_bucket_bounds[BROKER_BUCKETS - 1];

struct broker_stats { // read by any thread
    struct {
        counter succeeded, failed, timed_out;
        counter nanoseconds; // sum over all settled
        counter buckets[BROKER_BUCKETS];
    } operations[BROKER_OPERATIONS];
    counter stray_completions; // late, double or unknown
    counter link_up;           // 1 or 0
};

// Opens the plugin. NULL with a logged reason when that fails. `timeout` is in ms.
struct broker *broker_open(const char *name, const struct wshub_plugin *plugin, uint64_t timeout,
                           const struct log *log, struct broker_listener listener);
// Settles what is in flight with WSHUB_CLOSED, closes the plugin and frees. NULL is fine.
void broker_close(struct broker *broker);

void broker_subscribe(struct broker *broker, struct wshub_bytes channel, broker_done_fn done, void *context,
                      void *argument);
void broker_unsubscribe(struct broker *broker, struct wshub_bytes channel, broker_done_fn done, void *context,
                        void *argument);
void broker_publish(struct broker *broker, const struct wshub_message *message, broker_done_fn done,
                    void *context, void *argument);

// Settles what has passed its deadline. To be called some times a second.
void broker_expire(struct broker *broker);

const char *broker_name(const struct broker *broker);
bool broker_is_up(const struct broker *broker);
size_t broker_in_flight(const struct broker *broker);
const struct broker_stats *broker_stats(const struct broker *broker);
