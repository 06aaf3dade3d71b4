// SPDX-License-Identifier: MIT
// A worker thread: its loop, its listeners, its connections, its channels, and the fan-out to them. Made and
// freed by main; from worker_start to worker_join everything in it is its own thread's, but the mailbox and
// the counters.
#pragma once

#include <stdbool.h>

#include "hub/mails.h"
#include "protocol/protocol.h"
#include "util/counter.h"

struct instance;
struct worker;

enum close_reason { // for the metrics; worker_close_reasons has the words
    CLOSED_NORMAL,
    CLOSED_GOING_AWAY,
    CLOSED_DRAIN,
    CLOSED_PROTOCOL,
    CLOSED_UNSUPPORTED,
    CLOSED_INVALID,
    CLOSED_TOO_BIG,
    CLOSED_ABNORMAL,
    CLOSED_NO_PONG,
    CLOSED_SLOW,
    CLOSED_WRITE_TIMEOUT,
    CLOSED_LIMIT,
    CLOSED_UNAUTHENTICATED,
    CLOSED_FORBIDDEN,
    CLOSED_TOKEN_EXPIRED,
    CLOSED_UNAVAILABLE,
    CLOSED_INTERNAL,
    CLOSED_OTHER,
    CLOSE_REASONS,
};
extern const char *const worker_close_reasons[CLOSE_REASONS];

struct worker_stats {                                           // written by the worker, read by any thread
    counter connections, channels, subscriptions, outbox_bytes; // now
    counter held;                                               // of connections: not let in yet, now
    counter accepted, refused; // connections taken from the listeners; WebSocket upgrades refused
    counter messages_received, messages_sent;  // WebSocket messages of clients; deliveries to them
    counter bytes_received, bytes_sent, sends; // on sockets; system calls that sent
    counter closes[CLOSE_REASONS];
    counter errors[ERROR_COUNT];
    counter lag_ms;          // how late the last sweep came
    counter delivered_bytes; // message_weight of what it has fanned out
};

// NULL: no memory or no descriptors, logged.
struct worker *worker_new(struct instance *instance, unsigned index);
// Takes fd, a listening socket. Before worker_start. False: no memory.
bool worker_listen(struct worker *worker, int fd);
bool worker_start(struct worker *worker); // false: no thread, logged
void worker_join(struct worker *worker);  // posts MAIL_STOP and waits for the end
void worker_free(struct worker *worker);  // after the hub was freed; NULL is fine

struct mailbox *worker_mailbox(struct worker *worker);
// The one notice of this kind, for the hub to fill in and post, once.
struct worker_notice *worker_notice(struct worker *worker, enum mail_kind kind);
const struct worker_stats *worker_stats(const struct worker *worker);
// message_weight of all that was delivered to the worker and is done with, since the start. Any thread.
uint64_t worker_delivered_bytes(const struct worker *worker);
