// SPDX-License-Identifier: MIT
// What the hub thread and the workers say to each other.
#pragma once

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/revocations.h"
#include "hub/entries.h"
#include "hub/position.h"
#include "loop/mailbox.h"
#include "util/span.h"

struct ask;
struct message;
struct session;

enum mail_kind {
    // worker to hub
    MAIL_SUBSCRIBE,    // struct channel_ticket: this worker has its first subscriber
    MAIL_UNSUBSCRIBE,  // struct channel_ticket: it has none any more
    MAIL_PUBLISH,      // struct request
    MAIL_REGISTER,     // struct registration: a connection is there
    MAIL_UNREGISTER,   // the same registration: it has gone, and the hub frees it
    MAIL_AUTHENTICATE, // struct auth_query
    MAIL_REVOKE,       // struct revoke_request
    MAIL_RECOVER,      // struct recovery (asks.h)
    MAIL_HISTORY,      // struct request, with its ask
    MAIL_PRESENCE,     // struct request, with its ask
    MAIL_SEND,         // struct request, with its ask and its message
    MAIL_JOIN,         // struct membership (asks.h): somebody is there
    MAIL_LEAVE,        // the same membership: and has gone; the hub frees it
    MAIL_TRIED,        // struct request, with its ask: OK, its connection is here and was sent the message;
                       // NOT_FOUND
    MAIL_DRAIN_ORDER,  // struct drain_order
    MAIL_DRAINED,      // struct worker_notice: no connection is left
    MAIL_RESUMED,      // struct worker_notice: the worker lets clients in again
    // hub to worker
    MAIL_SUBSCRIBED,    // the same ticket with its status
    MAIL_RELEASED,      // the same ticket after UNSUBSCRIBE: the hub knows it no more
    MAIL_PUBLISHED,     // the same request with its status
    MAIL_DELIVER,       // struct delivery, with a reference to its message
    MAIL_AUTHENTICATED, // the same query with its answer
    MAIL_REVOKED,       // struct revoke_notice, which the worker frees: close whom it concerns
    MAIL_REVOKE_TAKEN,  // the same request with its status
    MAIL_RECOVERED,     // struct recovery with its answer, and behind it, linked by next, others of the same
                        // channel
    MAIL_TRY, // struct request of kind SEND to a connection, of any worker: is it here? Comes back as TRIED
    MAIL_ANSWERED, // the same request of kind HISTORY, PRESENCE or SEND with its status and what its ask has
                   // found
    MAIL_DRAIN_ORDERED, // the same order with what became of it
    MAIL_RESUME,        // struct worker_notice: the drain is cancelled, accept again
    MAIL_DRAIN,         // struct worker_notice: stop accepting, let the connections go over its window
    MAIL_HURRY,         // struct worker_notice: all at once
    MAIL_ABORT,         // struct worker_notice: cut them
    MAIL_STOP,          // struct worker_notice: end the thread
    MAIL_KINDS,
};

// A request's status beside those of enum wshub_status: it was not tried, for lack of capacity.
enum { REQUEST_OVERLOADED = 1 };

// A worker's claim on a channel. The worker makes one when its first subscriber comes and posts it as
// SUBSCRIBE; it comes back as SUBSCRIBED. Later the worker posts it as UNSUBSCRIBE, once, and it comes back
// as RELEASED, behind every delivery that the hub has addressed to it: only then the worker may free it.
// Nothing has to be allocated to let go of a channel, and a delivery finds its channel without a look-up.
struct channel_ticket {
    struct mail mail;
    struct channel_ticket *next_claim; // the hub's, while it is confirmed
    int status;                        // SUBSCRIBED: of enum wshub_status
    struct position *position; // the worker's room, where the channel has a history; SUBSCRIBED: what comes
                               // from now on is after it
    uint32_t hash;
    uint32_t worker;
    atomic_bool lost; // the hub's: confirmed once, but the broker's link was lost and it is not restored yet
    struct span name; // lives as long as the ticket
};

// A connection's entry in the registry. Made by its worker and posted as REGISTER; when the connection goes,
// posted as UNREGISTER, which leaves it to the hub. Two mails, so that nothing has to be awaited between
// them.
struct registration {
    struct mail enter;
    struct mail leave;
    uint8_t id[16]; // connection_id
    struct in6_addr address;
    int64_t since;       // seconds since the epoch
    uint8_t user_length; // 0: anonymous
    struct entry entry;  // the hub's
    // A copy: the identity itself would be kept, with all its grants, when a refresh has long replaced it.
    char user[];
};

// A client's operation that is under way at the hub. While the hub has it, mail, status, next_waiting and
// parked_at are the hub's; the message is read by both; the rest belongs to the worker all the time.
struct request {
    struct mail mail;
    uint32_t worker;
    int status;
    struct message *message;  // PUBLISH, SEND: a reference
    struct ask *ask;          // HISTORY, PRESENCE, SEND (asks.h); goes with the request
    struct position position; // PUBLISHED, ANSWERED to HISTORY: where the message, or the history, stands. Of
                              // a subscribe, the worker's: what the client has
    struct session *session;  // NULL: the client is gone
    struct request *previous, *next; // of the session's
    struct request *next_waiting;    // of the channel's; PUBLISH: of the hub's parked ones
    uint64_t parked_at;              // PUBLISH: the hub's
    bool leaves;                     // of those: an unsubscribe
    uint32_t size;                   // bytes that it holds
    uint16_t id_length;
    uint8_t asked; // the worker's: the kind of mail that it was posted as
    char id[];
};

// Somebody's order to revoke, by the server API. Answered once the broker has taken it.
struct revoke_request {
    struct mail mail;
    uint32_t worker;
    int status;                   // REVOKE_TAKEN: of enum wshub_status
    struct session *session;      // NULL: who asked is gone
    struct revocation revocation; // its id points into `id`
    char id[];
};

// The hub has heard of a revocation.
struct revoke_notice {
    struct mail mail;
    struct revocation revocation; // its id points into `id`
    char id[];
};

enum drain_phase {
    DRAIN_NONE,
    DRAIN_DELAY,       // not ready, but all is as before
    DRAIN_CONNECTIONS, // nobody is let in; the workers' connections go
    DRAIN_RESUMING,    // taken back in the midst of that: the workers are told
    DRAIN_CHANNELS,    // what the brokers have of this instance ends
    DRAIN_DONE,
};

enum drain_wish { DRAIN_ASK, DRAIN_BEGIN, DRAIN_CANCEL };

// The server API asks how a drain goes, orders one, or takes it back.
struct drain_order {
    struct mail mail;
    uint32_t worker;
    enum drain_wish wish;
    struct session *session;  // NULL: who asked is gone
    struct drain_order *next; // the hub's
    // DRAIN_ORDERED.
    int status; // WSHUB_OK, or of CANCEL: NOT_FOUND, there is no drain; CLOSED, it is too late
    enum drain_phase phase;
    uint64_t connections, closed, forced; // left; gone since it began, well or cut
    uint64_t unsettled;                   // publishes and the like
    uint64_t remaining;                   // ms until drain.timeout is over
};

// A worker has one of each kind, so these never lack memory either. Each is sent at most once in a drain, and
// in another one only after all workers have said RESUMED.
struct worker_notice {
    struct mail mail;
    uint32_t worker;
    uint64_t window;      // DRAIN: ms over which to spread the closes
    bool keeps_listening; // DRAIN: HTTP is answered still
};
