// SPDX-License-Identifier: MIT
// What the connections of one worker share: loop, timer wheel, read buffer, slots for outboxes, and the list
// of those that have something to send. Belongs to the worker's thread.
#pragma once

#include <stdint.h>

#include "loop/wheel.h"
#include "net/outbox.h"

struct conn;
struct loop;
struct timer;

enum {
    NET_READ_BUFFER = 64 * 1024,
    // Connections written to between two looks at what has come in. A fan-out to thousands takes
    // milliseconds: what arrives meanwhile must not wait for its end, and joins what is still to be written
    // in the same system calls.
    NET_FLUSH_SLICE = 128,
};

struct net {
    struct loop *loop;
    struct timer *sweeper;
    struct wheel wheel;
    struct outbox_pool slots;
    char *read_buffer;               // NET_READ_BUFFER bytes, lent to one connection while it reads
    struct conn *dirty, *dirty_last; // to be flushed at the end of this round
    uint64_t write_timeout; // ms without progress until a connection that has something to send is cut
    uint64_t sweep_due;     // when the next sweep should run; its lateness is the loop's lag
    // Totals for the metrics, which the worker copies to its counters each round.
    uint64_t bytes_received, bytes_sent, sends;
    size_t outbox_bytes; // queued on all connections
    uint64_t lag_ms;     // of the last sweep
};

// False: no memory. Registers its flush at the end of the loop's rounds.
bool net_init(struct net *net, struct loop *loop, uint64_t write_timeout);
// All connections must be gone.
void net_free(struct net *net);
// Writes out what is queued, all of it. At the end of each round a slice of NET_FLUSH_SLICE connections is
// written by itself.
void net_flush(struct net *net);
