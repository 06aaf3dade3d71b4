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
struct loop;
struct options;
struct plugin;

// What the rest of the hub hears of it, on the hub thread.
struct broker_listener {
    void *context;
    int (*on_deliver)(void *context, struct broker *broker, const struct wshub_message *message);
    void (*on_link)(void *context, struct broker *broker, enum wshub_link_state state, const char *reason);
    // Messages of this channel may have been lost; of any, when it is empty. NULL is fine.
    void (*on_loss)(void *context, struct broker *broker, struct wshub_bytes channel);
};

// Called exactly once for every call below that took it, possibly before that call returns. `status` is of
// enum wshub_status.
typedef void (*broker_done_fn)(void *context, void *argument, int status);
// An entry that the registry has found: before `done`. Borrows both.
typedef void (*broker_entry_fn)(void *context, void *argument, struct wshub_bytes key,
                                struct wshub_bytes value);

// What a history has found: its messages in the order that was asked for, and where it begins and ends, once.
// Before `done`. Both borrow what they are given.
typedef void (*broker_message_fn)(void *context, void *argument, const struct wshub_message *message);
typedef void (*broker_position_fn)(void *context, void *argument, struct wshub_bytes epoch, uint64_t oldest,
                                   uint64_t newest);

struct broker_reply { // where an answer goes
    broker_done_fn done;
    void *context, *argument;
};

enum broker_operation {
    BROKER_SUBSCRIBE,
    BROKER_UNSUBSCRIBE,
    BROKER_PUBLISH,
    BROKER_REGISTRY_SET,
    BROKER_REGISTRY_DELETE,
    BROKER_REGISTRY_GET,
    BROKER_REGISTRY_LIST,
    BROKER_HEARTBEAT,
    BROKER_HISTORY,
    BROKER_OPERATIONS
};
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
    counter stray_completions; // double or unknown: a fault of the plugin
    counter late_completions;  // after the deadline
    counter dropped;           // deliveries that were not taken
    counter link_losses;       // how often the link went down
    counter link_up;           // 1 or 0
};

struct broker_setup { // all borrowed until broker_close has returned
    const char *name;
    const char *instance_id;
    const struct plugin *plugin; // which is a broker
    const struct options *options;
    struct loop *loop;
    const struct log *log;
    uint64_t timeout; // ms: of every call, of open and of close
    struct broker_listener listener;
};

// Opens the plugin. NULL with a logged reason when that fails. A plugin whose open or close does not return
// within the timeout ends the process, with a logged reason: nothing else can be done about it.
struct broker *broker_open(const struct broker_setup *setup);
// Closes the plugin, settles what is in flight with WSHUB_CLOSED, and frees. NULL is fine.
void broker_close(struct broker *broker);

// While the link is down, all of these are settled at once with WSHUB_UNAVAILABLE; so is a publish when too
// much is in flight already (IN_FLIGHT_BYTES_MAX). While the broker closes: with WSHUB_CLOSED.
void broker_subscribe(struct broker *broker, struct wshub_bytes channel, struct broker_reply reply);
void broker_unsubscribe(struct broker *broker, struct wshub_bytes channel, struct broker_reply reply);
// `position`, NULL is fine: called once, before `done` with WSHUB_OK, where the broker tells what offset the
// message has got (its `newest`); it may not.
void broker_publish(struct broker *broker, const struct wshub_message *message, broker_position_fn position,
                    struct broker_reply reply);

// Of a broker with WSHUB_BROKER_REGISTRY; others: WSHUB_UNSUPPORTED. `ttl` is in ms.
void broker_registry_set(struct broker *broker, struct wshub_bytes key, struct wshub_bytes value,
                         uint64_t ttl, struct broker_reply reply);
void broker_registry_delete(struct broker *broker, struct wshub_bytes key, struct broker_reply reply);
void broker_registry_get(struct broker *broker, struct wshub_bytes key, broker_entry_fn entry,
                         struct broker_reply reply);
void broker_registry_list(struct broker *broker, struct wshub_bytes prefix, broker_entry_fn entry,
                          struct broker_reply reply);
void broker_heartbeat(struct broker *broker, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                      struct broker_reply reply);

// Of a broker with WSHUB_BROKER_HISTORY; others: WSHUB_UNSUPPORTED. Borrows the query until it returns. What
// a plugin tells against the query (more than its limit, of another channel, in the wrong order, without an
// epoch of wshub/message.h) is not passed on: `done` gets WSHUB_INTERNAL then, and it is logged.
void broker_history(struct broker *broker, const struct wshub_history_query *query, broker_message_fn message,
                    broker_position_fn position, struct broker_reply reply);

// Settles what had passed its deadline when this was called before, so that a process that stood still reads
// the answers first; and tells what the plugin's threads could not. To be called some times a second.
void broker_expire(struct broker *broker);

const char *broker_name(const struct broker *broker);
bool broker_can(const struct broker *broker, uint32_t capability); // of enum wshub_broker_capability
bool broker_is_up(const struct broker *broker);
// The plugin has opened, and let its deadline pass without a word about its link.
bool broker_is_mute(const struct broker *broker);
void broker_tell_mute(const struct broker *broker); // logs that
size_t broker_in_flight(const struct broker *broker);
const struct broker_stats *broker_stats(const struct broker *broker);
