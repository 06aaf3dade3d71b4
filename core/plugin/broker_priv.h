// SPDX-License-Identifier: MIT
// Shared by broker.c, calls.c and host.c; nobody else's.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "plugin/broker.h"

struct mailbox;

// A call that waits for its completion. Its token is generation << 32 | index + 1, so a token that comes late
// or twice is told from the one that has its place now.
struct call {
    uint32_t generation;
    uint32_t index;
    uint32_t expired; // 1 + the last generation that its deadline ended; 0: none
    enum broker_operation operation;
    size_t bytes;     // of a publish
    uint64_t started; // ns
    struct broker_reply reply;
    broker_entry_fn entry;        // NULL: it expects none
    broker_message_fn message;    // the same
    broker_position_fn position;  // the same; NULL again once it was told
    struct call *previous, *next; // oldest first; all have the same timeout, so this is the order of
                                  // deadlines too
};

struct calls {
    struct call **all;
    uint32_t count;        // made so far, in use or not
    struct call *spare;    // linked by next
    struct call in_flight; // list head
    size_t in_flight_count;
    size_t in_flight_bytes;
};

struct host_timer;
struct host_watch;

struct broker {
    const struct wshub_broker *table;
    void *self; // the plugin's
    struct broker_setup setup;
    struct wshub_host host;
    struct broker_stats stats;
    struct calls calls;
    pthread_t thread;        // the hub's
    struct mailbox *mailbox; // from the plugin's threads
    atomic_size_t mailed;    // bytes in it
    atomic_bool overrun;     // a delivery found no room there
    struct host_timer *timers;
    struct host_watch *watches;
    uint64_t opened; // clock_ns
    uint64_t looked; // clock_ns: when deadlines were last looked at
    bool up, link_told;
    unsigned reasons_told; // since it is down
    unsigned late_told;    // bits by operation: one has timed out, and none succeeded since
    bool closing;
};

// ---- calls.c: tokens and deadlines ----

void calls_init(struct calls *calls);
void calls_free(struct broker *broker); // settles what is left with WSHUB_CLOSED
// NULL: settled already, for want of memory.
struct call *calls_begin(struct broker *broker, enum broker_operation operation, size_t bytes,
                         struct broker_reply reply);
wshub_token calls_token(const struct call *call);
struct call *calls_find(struct broker *broker, wshub_token token); // NULL: late, double or unknown
void calls_settle(struct broker *broker, struct call *call, int status);
// A completion by the plugin.
void calls_complete(struct broker *broker, wshub_token token, int status);

// ---- host.c: the services ----

bool host_init(struct broker *broker);                                  // false: no memory or descriptors
void host_tell_loss(struct broker *broker, struct wshub_bytes channel); // empty: of any channel
// Drops what the plugin's threads have posted, and what the plugin has left behind, with a logged complaint.
void host_free(struct broker *broker);
