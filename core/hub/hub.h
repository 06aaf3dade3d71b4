// SPDX-License-Identifier: MIT
// The hub thread's own: the channel table, the brokers, the auth plugins, and how this instance ends.
// Everything here belongs to that thread but hub_mailbox, which is for the workers, and the counters.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/counter.h"

struct auth;
struct broker;
struct buf;
struct config;
struct hub;
struct instance;
struct loop;
struct mailbox;
struct plugin;

// Loads what a configuration calls so; false: one line in `why`. For tests, which bring their own.
typedef bool (*hub_load_fn)(struct plugin *plugin, const char *name, const struct config *config,
                            struct buf *why);

enum check_result { CHECK_SAME, CHECK_BEHIND, CHECK_LOST, CHECK_FAILED, CHECK_RESULTS };
enum recovery_result { RECOVERY_WHOLE, RECOVERY_NOT_FOUND, RECOVERY_FAILED, RECOVERY_RESULTS };

struct hub_stats {      // read by any thread
    counter channels;   // known to the hub: active, on their way there, or lingering
    counter lost;       // of them, those with subscribers and no subscription at the broker
    counter gaps;       // channels that were told of a gap
    counter deliveries; // messages from brokers for a channel that has subscribers here
    counter last_values, last_value_bytes; // known, for channels that have one; message_weight of them
    counter delayed;                       // publishes that waited for a worker to catch up
    counter window_bytes;                  // of messages that are kept for those who come back
    counter reads;                         // questions to histories
    counter filled;                        // messages that were missed live, and read
    counter recoveries[RECOVERY_RESULTS];  // of subscribers that came with a position
    counter checks[CHECK_RESULTS];         // of positions, against the history's
    counter members;                       // memberships of this instance's connections
    counter instances;                     // that live, as far as is known here; 0: nobody looks
    counter reaped;                        // entries of dead ones that were cleared away
    counter sent, not_found, not_sent;     // messages to users and connections
    counter lag_ms;                        // how late the hub's last tick came
};

struct hub_ending { // how it went
    uint64_t drained, forced, lost_bytes, unsettled;
};

// The brokers are opened by hub_start. NULL: no memory.
struct hub *hub_new(struct loop *loop, struct instance *instance);
// Loads and opens the brokers and the auth plugins. False with a logged reason: one cannot be. The instance's
// workers must be there. `on_failure`, later: a broker turned out unusable, which was logged; the process had
// better end.
bool hub_start(struct hub *hub, hub_load_fn load, void (*on_failure)(void *context), void *context);
// A drain (P8): not ready at once; then after drain.delay every worker lets its connections go over
// drain.window; then the brokers' subscriptions end; then `done` is called, whoever has ordered it. Before
// hub_start.
void hub_on_drained(struct hub *hub, void (*done)(void *context, const struct hub_ending *ending),
                    void *context);
// A signal orders one. The second hurries it, unless it was taken back between them. False: it is the third,
// whose sender will not wait.
bool hub_drain(struct hub *hub);
void hub_free(struct hub *hub); // the workers' threads have ended
// SIGHUP: auth plugins read their files again. How many of them do.
size_t hub_reload(struct hub *hub);

struct mailbox *hub_mailbox(struct hub *hub);
const struct hub_stats *hub_stats(const struct hub *hub);

// For the metrics, from any thread: i below hub_broker_count.
unsigned hub_broker_count(const struct hub *hub);
struct broker *hub_broker(const struct hub *hub, unsigned i);
uint64_t hub_probe_age_ms(const struct hub *hub, unsigned i);
bool hub_broker_is_ready(const struct hub *hub, unsigned i); // its probe comes back
unsigned hub_auth_count(const struct hub *hub);
struct auth *hub_auth(const struct hub *hub, unsigned i); // i below hub_auth_count
uint64_t hub_revocations(const struct hub *hub);
uint64_t hub_registry_entries(const struct hub *hub);
bool hub_registry_is_kept(const struct hub *hub);
