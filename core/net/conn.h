// SPDX-License-Identifier: MIT
// One stream socket: reads into the worker's shared buffer, gathers what a round queued into one system call,
// keeps two deadlines (the owner's and the write deadline), and ends once. Knows nothing of HTTP or
// WebSocket. Lives inside its owner's struct and belongs to one worker's thread.
//
//     conn_open ──► on_data* ──► conn_finish: flush, FIN, wait for the peer's ──► on_end ──► on_free
//                          └──► peer's FIN, error, write deadline, conn_abort ──┘
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/watch.h"
#include "net/net.h"

struct conn;

enum conn_end {
    CONN_END_PEER,    // the peer closed, or both sides are done
    CONN_END_ERROR,   // the socket broke
    CONN_END_WRITE,   // nothing could be written for write_timeout
    CONN_END_ABORTED, // conn_abort, or conn_finish ran out of time
};

struct conn_handler {
    void (*on_data)(struct conn *conn, char *data, size_t length); // data is borrowed, and may be written to
    void (*on_deadline)(struct conn *conn);               // the one set by conn_set_deadline has passed
    void (*on_end)(struct conn *conn, enum conn_end end); // once; nothing but on_free comes after it
    void (*on_free)(struct conn *conn);                   // the memory may go
    // After conn_tell_below. Within a flush: nothing may be sent in it.
    void (*on_low)(struct conn *conn);
};

struct conn {
    struct watch watch;
    const struct conn_handler *handler;
    struct wheel_entry timer;
    uint64_t deadline; // the owner's, in loop_now's milliseconds; 0: none
    // What each delivery touches stands together from here on.
    uint64_t write_deadline; // 0: nothing is waiting for the socket
    struct net *net;
    struct conn *dirty_next;
    struct outbox outbox;
    int fd;
    uint8_t events; // what the watch is set to
    bool reading;   // the owner wants data
    bool dirty;     // is in net's list
    bool finishing; // conn_finish was called
    bool fin_sent;
    bool fin_received; // the peer sends no more; it may still be reading
    bool ended;
    bool closed;             // the watch is closed too
    uint32_t finish_timeout; // ms
    uint32_t left;           // of the outbox, when conn_is_moving was last asked
    uint32_t low;            // on_low is called when fewer bytes are queued; 0: nobody waits for it
};

// Takes `fd`, a connected non-blocking socket, and starts reading. A negative errno: fd is still the
// caller's. The struct must be zeroed before.
int conn_open(struct conn *conn, struct net *net, int fd, const struct conn_handler *handler);

// Queues a frame (which keeps its own reference) to leave when the worker flushes, at the end of this round
// or soon after. False: no memory, not queued.
bool conn_send(struct conn *conn, struct frame *frame);
// The same, ahead of all that has not begun to leave.
bool conn_send_front(struct conn *conn, struct frame *frame);

// Calls on_low, once, when what is queued has become less than `bytes`, which is at least 1.
void conn_tell_below(struct conn *conn, size_t bytes);

// Writes now what is queued, as far as the socket takes it. The connection may end in it.
void conn_flush(struct conn *conn);

// Stops and resumes reading; the kernel then holds the peer back.
void conn_read(struct conn *conn, bool on);

void conn_set_deadline(struct conn *conn, uint64_t at);

// True when something has left since the last time, and something is still to leave: no reason yet to lose
// patience.
bool conn_is_moving(struct conn *conn);

// Sends what is queued, then FIN, then waits for the peer's (so that it gets all of it), and ends; after
// `timeout` ms in which nothing moved at the latest. What the peer still sends is thrown away.
void conn_finish(struct conn *conn, uint64_t timeout);
// Ends at once with a reset; what is queued is lost.
void conn_abort(struct conn *conn);
