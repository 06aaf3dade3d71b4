// SPDX-License-Identifier: MIT
// What subscriptions.c, fanout.c, review.c, catchup.c and memberships.c share; nobody else's. All of it is on
// the worker's thread.
#pragma once

#include "hub/asks.h"
#include "hub/mails.h"
#include "hub/worker_priv.h"
#include "util/map.h"

struct catchup;
struct frame;
struct rule;

struct subscription {
    struct session *session;
    struct channel *channel;
    struct subscription *previous, *next; // of the session's
    uint32_t index;                       // in the channel's subscribers
    bool undecided : 1;                   // gets nothing before a plugin has said that it may
    bool missed : 1;                      // something has passed that nothing brings again: a gap is owed
    bool watches : 1;                     // it is told who joins and leaves
    bool has_extra : 1;
};

// Stands behind a subscription to a channel with a history or with members; others do without.
struct subscription_extra {
    struct catchup *catchup;       // NULL: it gets what is live
    struct membership *membership; // NULL: none
};

struct subscriber { // what a fan-out reads: the session without a detour
    struct session *session;
    struct subscription *subscription;
};

// A channel on this worker. It exists while it has a subscriber here, or waits for the hub's confirmation.
struct channel {
    struct channel_ticket ticket; // first
    struct subscriber *subscribers;
    struct subscriber only; // subscribers points here while there is room for one: most channels have one
    uint32_t count, capacity;
    uint32_t aside;                         // of the subscribers: undecided, or catching up
    bool active : 1;                        // confirmed: messages are flowing
    bool delivering : 1;                    // must not go just now
    bool keeps_last : 1;                    // room for the last value stands behind the name
    bool has_members : 1;                   // they are known to each other
    bool is_own : 1;                        // the hub's own, a user's: kept trying for
    struct request *waiting, *waiting_last; // to be answered, in this order, once it is confirmed
    UT_hash_handle hh;                      // beside the name, which a look-up reads with it
    char name[]; // behind it: room for the last value, and for the position where it has a history
};

static inline struct channel *channel_of(struct channel_ticket *ticket) {
    return (struct channel *)(void *)ticket; // ticket is the first member
}

static inline struct subscription_extra *extra_of(struct subscription *subscription) {
    return subscription->has_extra ? (struct subscription_extra *)(void *)(subscription + 1) : NULL;
}

static inline struct catchup *catchup_of(struct subscription *subscription) {
    struct subscription_extra *extra = extra_of(subscription);
    return extra ? extra->catchup : NULL;
}

// ---- subscriptions.c ----

struct subscription *subscriptions_find(const struct session *session, const struct channel *channel);
struct subscription *subscriptions_find_by_name(const struct session *session, struct span name);
// Ends it, without a word. To be followed by subscriptions_release once nobody looks at the channel.
void subscriptions_drop(struct subscription *subscription);
// Lets go of a channel that nobody wants; an unconfirmed one is looked at again when the hub has answered.
void subscriptions_release(struct worker *worker, struct channel *channel);
// It gets nothing just now, or does again.
void subscriptions_set_undecided(struct subscription *subscription, bool undecided);
void subscriptions_set_catchup(struct subscription *subscription, struct catchup *catchup);
// Says ok to a subscribe, and all that belongs to it. `recovered` as in an event. The request is not settled.
// The session may be closed when it returns.
void subscriptions_welcome(struct subscription *subscription, const struct request *request,
                           const struct position *position, enum recovered recovered);
// Where the latest message of a channel that keeps_last is.
struct message **subscriptions_last_of(struct channel *channel);

// ---- fanout.c ----

// The latest message of a channel that keeps_last, for who subscribes while it is active; NULL: there is
// none, or none is known.
void fanout_set_last(struct channel *channel, struct message *message);
// Sends it to one who has just subscribed without waiting, or has a gap behind it. Who has waited for the
// channel gets it behind the confirmation.
void fanout_send_last(struct subscription *subscription);
// NULL: no memory. What no outbox could take is not sent; its loss is told instead.
struct frame *fanout_frame(struct worker *worker, const struct protocol *protocol,
                           const struct message *message, bool is_last);
bool fanout_recognize(struct worker *worker, const struct message *message, struct span *payload,
                      enum payload_form *form); // false: no memory
bool fanout_is_excluded(const struct session *session, struct span exclude);
void fanout_send(struct session *session, struct frame *frame); // NULL closes it: there was no memory
// Messages of the subscription are missing before this point; `position`: what follows comes after it. False:
// it is closing.
bool fanout_tell_gap(struct subscription *subscription, const struct position *position);

// ---- catchup.c: a subscriber gets what it has missed, before anything that is live ----

// Makes one that begins behind `since`. The request, where there is one, is answered with the first part.
// NULL: no memory.
struct catchup *catchup_new(struct subscription *subscription, const struct position *since,
                            struct request *request);
// The channel is active: asks the hub, or ends at once, where nothing was missed. The subscription may be
// gone when it returns.
void catchup_begin(struct catchup *catchup);
// Whose subscription ends. What is to be said to the request was said, or is not; it is settled in time.
void catchup_drop(struct catchup *catchup);
// The subscribe that it has still to answer; NULL: none.
const struct request *catchup_request(const struct catchup *catchup);
struct request *catchup_take_request(struct catchup *catchup); // it is the caller's from then on
bool catchup_awaits(const struct catchup *catchup, const struct request *request);
// Is the subscribe answered already?
bool catchup_is_told(const struct catchup *catchup);
// The subscription is not decided any more. What passes by until it is comes then; false: it cannot.
bool catchup_set_aside(struct subscription *subscription);
// And now it is, and allowed. The subscription may be gone when it returns.
void catchup_resume(struct catchup *catchup);

// ---- direct.c ----

// A message to one connection, if it is here.
void direct_deliver(struct worker *worker, const struct message *message);

// ---- memberships.c: who is there, in channels with presence ----

// Its subscription is confirmed: enters it, and sees whether it may be told of the others. False: no memory.
bool memberships_begin(struct subscription *subscription);
// The session has another identity. False: no memory.
bool memberships_review(struct subscription *subscription);
void memberships_end(struct subscription *subscription);
