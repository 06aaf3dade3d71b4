// SPDX-License-Identifier: MIT
// Shared by the files that are the hub thread's: hub.c, channels.c, congestion.c, control.c, drain.c,
// drain_orders.c, recovery.c, registry.c, track.c and their like.
#pragma once

#include "hub/hub.h"
#include "hub/instance.h"
#include "hub/mails.h"
#include "hub/reads.h"
#include "hub/track.h"
#include "loop/wheel.h"
#include "plugin/broker.h"
#include "plugin/plugin.h"
#include "util/span.h"
#include "wshub/message.h"

struct chain;
struct control;
struct history_query;
struct hub_channel;
struct instances;
struct members;
struct message;
struct options;
struct probe;
struct registry;
struct timer;
struct users;
struct views;

enum { HUB_ITSELF = WORKERS_MAX }; // in the place of a worker: a claim of the hub's own (own_claim.h)

struct channel_list { // linked by next_listed; a channel is in one list at most
    struct hub_channel *first, *last;
};

struct hub_broker {
    struct hub *hub;
    struct plugin plugin;
    struct options *options;
    struct broker *broker;
    struct probe *probe;
    uint32_t session; // counts the links that came up: what was subscribed in an earlier one is gone
    struct channel_list restore; // to be subscribed anew, some at a time
    unsigned restoring;          // of them, under way
    struct reads reads;          // of histories that it keeps
    bool loses;                  // all of its channels are to be told of a gap
    counter healthy;             // 1 or 0: its probe comes back
    counter deaf;                // 1: what the hubs tell each other is not heard through it yet
    counter probe_age_ms;
};

struct drain {
    enum drain_phase phase;
    struct timer *timer;    // of the phase
    struct timer *deadline; // of the whole
    struct timer *progress; // says how it goes
    uint64_t ends_at;       // loop_now when the deadline is
    unsigned workers_left;  // CONNECTIONS: that have some; RESUMING: that have not said that they are back
    unsigned signals;       // since it began, or before
    bool by_api;            // ordered so, whether by a signal too or not
    bool hurried;
    bool late;                   // drain.timeout is over
    bool again;                  // RESUMING: ordered anew
    struct drain_order *cancels; // RESUMING: to be answered when it is over
    struct hub_ending ending;
    void (*done)(void *context, const struct hub_ending *ending);
    void *context;
};

struct congestion {
    uint64_t posted[WORKERS_MAX];     // bytes of messages sent to each worker since the start
    uint64_t posted_old[WORKERS_MAX]; // how many those were behind the last that somebody had missed
    uint64_t late;                    // bits: workers that are too far behind
    struct request *first, *last;     // parked publishes and sends, oldest first, linked by next_waiting
    uint64_t parked;                  // how many
    bool is_watched;                  // somebody else waits for workers to get further
    bool stale; // some of them may go: looked at when the round ends, and nobody overtakes them
};

struct hub {
    struct loop *loop;
    struct instance *instance;
    struct mailbox *mailbox;
    uint64_t unrung; // bits: workers that have got mail in this round
    struct timer *tick;
    uint64_t tick_due;
    struct hub_broker *brokers;
    unsigned broker_count;
    struct hub_channel *channels; // by name
    struct channel_list dirty;    // to be reconciled at the end of this round
    struct wheel wheel;           // of channels and registrations to be looked at later
    struct message *publishing;   // within the broker's publish slot: what it was given
    struct congestion congestion;
    struct history_query *queries;   // that others may join, by what they ask
    struct history_query *histories; // all
    struct tracks tracks;            // of channels with a history
    struct registry *registry;       // NULL: there is none
    struct instances *instances;     // NULL: nobody has to know which others live
    struct users *users;             // NULL: there is no registry
    struct views *views;
    struct members *members;
    struct chain *chain;     // of auth plugins; NULL: there are none
    struct control *control; // NULL: without auth plugins nobody can be revoked
    struct drain drain;
    void (*on_failure)(void *context);
    void *context;
    struct hub_stats stats;
};

// ---- channels.c: what is subscribed at the brokers follows what the workers want (P1, P2) ----

void channels_subscribe(struct hub *hub, struct channel_ticket *ticket);
void channels_unsubscribe(struct hub *hub, struct channel_ticket *ticket);
// The confirmed claims on a channel, linked by next_claim; NULL for none.
struct channel_ticket *channels_claims(struct hub *hub, struct span name);
// The channel that wants this message of its broker. NULL: nobody does.
struct hub_channel *channels_wanting(struct hub_broker *slot, const struct wshub_message *message);
// Sends such a message to its subscribers, in its turn, and keeps it where the rule says last_value.
void channels_take(struct hub *hub, struct hub_channel *channel, struct message *message);
// A message of the channel was lost here: its subscribers are told that there is a gap.
void channels_lose(struct hub_broker *slot, struct span name);
// The same for every channel of the broker: once a round, however often it is said.
void channels_lose_any(struct hub_broker *slot);
// The broker's link has changed. UP: its channels are subscribed anew, paced, and told of the gap.
void channels_on_link(struct hub_broker *slot, enum wshub_link_state state);
// Calls the brokers for every channel whose state is not what is wanted. At the end of a round: never within
// a call from a plugin.
void channels_reconcile(struct hub *hub);
// Ends lingers that are over.
void channels_tick(struct hub *hub);
// Ends all of them: the instance is going.
void channels_end_lingers(struct hub *hub);
// Channels that no call in flight stands for: their unsubscribe has failed, and would be tried again.
uint64_t channels_left_over(struct hub *hub);
// Every user's channel (digest.h), and whether it has claims.
void channels_each_user(struct hub *hub, void (*fn)(void *context, struct span name, bool is_claimed),
                        void *context);
// None is known any more.
bool channels_are_gone(const struct hub *hub);
// Frees what is left, without a word to the brokers; who still waits is told that it is closed.
void channels_free(struct hub *hub);

// ---- congestion.c: publishes wait for workers that are behind ----

// A message goes to a worker.
void congestion_count(struct hub *hub, unsigned worker, const struct message *message);
void congestion_add_old(struct hub *hub, unsigned worker, uint64_t bytes); // that somebody has missed
// The worker can take old messages beside what is live.
bool congestion_has_room(const struct hub *hub, unsigned worker);
// One of the claims is of a worker that is too far behind.
bool congestion_is_late(const struct hub *hub, const struct channel_ticket *claims);
// There will be a round when workers have got further. To be said in each round.
void congestion_watch(struct hub *hub);
// True: the request was taken, and will be published or answered later.
bool congestion_park(struct hub *hub, struct request *request);
// A claim of this worker went away, for which some may have been parked.
void congestion_on_leave(struct hub *hub, unsigned worker);
// Publishes what need not wait any longer. At the end of each round.
void congestion_resume(struct hub *hub);
// Answers what has waited for timeouts.broker. On each tick.
void congestion_expire(struct hub *hub);
// Answers what is parked: the hub is going.
void congestion_free(struct hub *hub);

// ---- hub.c ----

void hub_answer_publish(struct hub *hub, struct request *request, int status);

// Sends the message to every worker that has such a claim, up to `end` (NULL: all). To each worker once in
// the life of a message.
void hub_fan_out(struct hub *hub, struct message *message, struct channel_ticket *claims,
                 const struct channel_ticket *end);
// Takes the mail to a worker, with all others of this round.
void hub_post(struct hub *hub, unsigned worker, struct mail *mail);
void hub_judge_readiness(struct hub *hub);

// ---- drain.c ----

void drain_begin(struct hub *hub, bool by_api); // unless it runs
// Takes it back, where the phase still allows that. False: it does not.
bool drain_cancel(struct hub *hub);
// What somebody waits for at a broker, or for a worker; also of clients that have gone.
uint64_t drain_under_way(const struct hub *hub);
bool drain_init(struct hub *hub);
void drain_free(struct hub *hub);
// No linger any more: what nobody wants ends at once.
bool drain_is_ending(const struct hub *hub);
void drain_on_worker(struct hub *hub);  // MAIL_DRAINED
void drain_on_resumed(struct hub *hub); // MAIL_RESUMED
// A phase may be over: called at the end of each round.
void drain_proceed(struct hub *hub);

// ---- drain_orders.c ----

void drain_order(struct hub *hub, struct drain_order *order); // MAIL_DRAIN_ORDER
// Who has taken it back is told that this is done.
void drain_orders_resumed(struct hub *hub);
void drain_orders_free(struct hub *hub); // or that it never will be
