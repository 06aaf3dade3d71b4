// SPDX-License-Identifier: MIT
// What the hub thread and the workers say to each other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop/mailbox.h"
#include "util/span.h"

struct message;
struct session;

enum mail_kind {
    // worker to hub
    MAIL_SUBSCRIBE,   // struct channel_ticket: this worker has its first subscriber
    MAIL_UNSUBSCRIBE, // struct channel_ticket, which the hub frees: it has none any more
    MAIL_PUBLISH,     // struct request
    MAIL_DRAINED,     // struct worker_notice: no connection is left
    // hub to worker
    MAIL_SUBSCRIBED, // the same ticket with its status
    MAIL_PUBLISHED,  // the same request with its status
    MAIL_DELIVER,    // struct delivery, with a reference to its message
    MAIL_DRAIN,      // struct worker_notice: stop accepting, let the connections go over its window
    MAIL_HURRY,      // struct worker_notice: all at once
    MAIL_ABORT,      // struct worker_notice: cut them
    MAIL_STOP,       // struct worker_notice: end the thread
    MAIL_KINDS,
};

// A worker's claim on a channel. The worker makes one when its first subscriber comes and posts it as SUBSCRIBE; it
// comes back as SUBSCRIBED; after that the worker may post it as UNSUBSCRIBE, once, and it is the hub's. So a worker
// and the hub never touch it at the same time, and nothing has to be allocated to let go of a channel.
struct channel_ticket {
    struct mail mail;
    int status; // SUBSCRIBED: of enum wshub_status
    uint32_t hash;
    uint32_t worker;
    struct span name; // lives as long as the ticket
    void (*free)(struct channel_ticket *ticket);
};

// A client's operation that is under way at the hub. The mail, status and message are whose turn it is; the rest
// belongs to the worker all the time.
struct request {
    struct mail mail;
    uint32_t worker;
    int status;
    struct message *message;         // PUBLISH: a reference
    struct session *session;         // NULL: the client is gone
    struct request *previous, *next; // of the session's
    struct request *next_waiting;    // of the channel's
    bool leaves;                     // of those: an unsubscribe
    uint32_t size;                   // bytes that it holds
    uint16_t id_length;
    char id[];
};

// A worker has one of each kind, so these never lack memory either. Each is sent at most once.
struct worker_notice {
    struct mail mail;
    uint32_t worker;
    uint64_t window;            // DRAIN: ms over which to spread the closes
    uint64_t drained;           // DRAINED: connections that got all that was queued to them, and closed
    uint64_t forced;            // DRAINED: connections that had to be cut
    uint64_t lost_bytes;        // DRAINED: what was queued to those
};
