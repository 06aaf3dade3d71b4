// SPDX-License-Identifier: MIT
#include "net/conn.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/timer.h"

enum { GATHER_MAX = 64 };

#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static void update_watch(struct conn *conn) {
    int events = (conn->reading ? WATCH_READ : 0) | (conn->write_deadline ? WATCH_WRITE : 0);
    if (events != conn->events) {
        conn->events = (uint8_t)events;
        watch_set(&conn->watch, events);
    }
}

// ---- deadlines: one wheel entry serves both, armed for the earlier, and never moved only to be later ----

static void arm_timer(struct conn *conn, uint64_t at) {
    if (!wheel_is_armed(&conn->timer) || at < conn->timer.due) {
        wheel_arm(&conn->net->wheel, &conn->timer, at);
    }
}

void conn_set_deadline(struct conn *conn, uint64_t at) {
    if (conn->ended) {
        return; // its memory goes soon, and the wheel would keep a pointer to it
    }
    conn->deadline = at;
    if (at) {
        arm_timer(conn, at);
    }
}

static void set_write_deadline(struct conn *conn) {
    conn->write_deadline = loop_now(conn->net->loop) + conn->net->write_timeout;
    arm_timer(conn, conn->write_deadline);
}

// ---- the end ----

// One that still stands in the dirty list is freed when the list comes to it.
static void on_watch_closed(void *owner) {
    struct conn *conn = owner;
    if (conn->dirty) {
        conn->closed = true;
    } else {
        conn->handler->on_free(conn);
    }
}

static void end(struct conn *conn, enum conn_end reason) {
    if (conn->ended) {
        return;
    }
    conn->ended = true;
    wheel_disarm(&conn->timer);
    conn->net->outbox_bytes -= conn->outbox.bytes;
    conn->handler->on_end(conn, reason);
    outbox_clear(&conn->outbox, &conn->net->slots);
    watch_close(&conn->watch, on_watch_closed);
    close(conn->fd);
}

// A reset frees the kernel's memory at once and tells a peer that still listens.
static void reset(struct conn *conn, enum conn_end reason) {
    if (!conn->ended) {
        const struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        end(conn, reason);
    }
}

void conn_abort(struct conn *conn) {
    reset(conn, CONN_END_ABORTED);
}

static void send_fin(struct conn *conn) {
    if (!conn->fin_sent) {
        conn->fin_sent = true;
        shutdown(conn->fd, SHUT_WR);
    }
}

void conn_finish(struct conn *conn, uint64_t timeout) {
    if (conn->ended || conn->finishing) {
        return;
    }
    conn->finishing = true;
    conn->finish_timeout = (uint32_t)timeout;
    conn->left = (uint32_t)conn->outbox.bytes;
    conn_set_deadline(conn, loop_now(conn->net->loop) + timeout);
    conn_read(conn, true);
    if (conn->outbox.count == 0) {
        send_fin(conn);
    }
}

bool conn_is_moving(struct conn *conn) {
    bool moving = conn->outbox.bytes > 0 && conn->outbox.bytes < conn->left;
    conn->left = (uint32_t)conn->outbox.bytes;
    return moving;
}

// ---- writing ----

static void mark_dirty(struct conn *conn) {
    struct net *net = conn->net;
    if (conn->dirty || conn->write_deadline) {
        return; // in the list already, or waiting for the socket
    }
    conn->dirty = true;
    conn->dirty_next = NULL;
    *(net->dirty_last ? &net->dirty_last->dirty_next : &net->dirty) = conn;
    net->dirty_last = conn;
}

bool conn_send(struct conn *conn, struct frame *frame) {
    if (conn->ended || conn->finishing) {
        return true; // nobody reads it any more
    }
    if (!outbox_push(&conn->outbox, &conn->net->slots, frame)) {
        return false;
    }
    conn->net->outbox_bytes += frame->length;
    mark_dirty(conn);
    return true;
}

bool conn_send_front(struct conn *conn, struct frame *frame) {
    if (conn->ended || conn->finishing) {
        return true;
    }
    if (!outbox_push_front(&conn->outbox, &conn->net->slots, frame)) {
        return false;
    }
    conn->net->outbox_bytes += frame->length;
    mark_dirty(conn);
    return true;
}

static ssize_t write_some(struct conn *conn) {
    struct iovec vectors[GATHER_MAX];
    int count = outbox_gather(&conn->outbox, vectors, GATHER_MAX);
    if (count == 1) { // the usual case of a fan-out; send() is the shorter way
        return send(conn->fd, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL);
    }
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
    return sendmsg(conn->fd, &message, MSG_NOSIGNAL);
}

void conn_tell_below(struct conn *conn, size_t bytes) {
    conn->low = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

static void tell_if_low(struct conn *conn) {
    if (conn->outbox.bytes < conn->low) {
        conn->low = 0;
        conn->handler->on_low(conn);
    }
}

static void flush(struct conn *conn) {
    struct net *net = conn->net;
    while (conn->outbox.count > 0) {
        ssize_t n = write_some(conn);
        net->sends++;
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS && errno != ENOMEM) {
            end(conn, CONN_END_ERROR);
            return;
        }
        if (n < 0) {
            if (!conn->write_deadline) {
                set_write_deadline(conn);
            }
            update_watch(conn);
            tell_if_low(conn);
            return;
        }
        net->bytes_sent += (uint64_t)n;
        net->outbox_bytes -= (size_t)n;
        outbox_advance(&conn->outbox, &net->slots, (size_t)n);
        if (conn->write_deadline) {
            set_write_deadline(conn); // progress
        }
    }
    conn->write_deadline = 0;
    update_watch(conn);
    if (conn->finishing) {
        send_fin(conn);
    }
    if (conn->fin_received) {
        end(conn, CONN_END_PEER);
    } else {
        tell_if_low(conn);
    }
}

void conn_flush(struct conn *conn) {
    if (!conn->ended && !conn->write_deadline) {
        flush(conn);
    }
}

static void flush_some(struct net *net, unsigned most) {
    for (; net->dirty && most > 0; most--) {
        struct conn *conn = net->dirty;
        net->dirty = conn->dirty_next;
        if (!net->dirty) {
            net->dirty_last = NULL;
        }
        conn->dirty = false;
        if (!conn->ended) {
            flush(conn);
        } else if (conn->closed) {
            conn->handler->on_free(conn);
        }
    }
}

void net_flush(struct net *net) {
    flush_some(net, UINT_MAX);
}

// ---- reading ----

void conn_read(struct conn *conn, bool on) {
    if (!conn->ended) {
        conn->reading = on || conn->finishing;
        update_watch(conn);
    }
}

// A peer that has closed its side may still be reading what is queued for it.
static void on_fin(struct conn *conn) {
    if (conn->finishing && conn->outbox.count > 0) {
        conn->fin_received = true;
        conn->reading = false;
        update_watch(conn);
    } else {
        end(conn, CONN_END_PEER);
    }
}

static void read_some(struct conn *conn) {
    struct net *net = conn->net;
    ssize_t n = recv(conn->fd, net->read_buffer, NET_READ_BUFFER, 0);
    if (n > 0) {
        net->bytes_received += (uint64_t)n;
        if (!conn->finishing) {
            conn->handler->on_data(conn, net->read_buffer, (size_t)n);
        }
    } else if (n == 0) {
        on_fin(conn);
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        end(conn, CONN_END_ERROR);
    }
}

static void on_ready(void *owner, int events, bool error) {
    struct conn *conn = owner;
    if (error) {
        end(conn, CONN_END_ERROR);
        return;
    }
    if (events & WATCH_WRITE) {
        flush(conn);
    }
    if ((events & WATCH_READ) && !conn->ended && conn->reading) {
        read_some(conn);
    }
}

int conn_open(struct conn *conn, struct net *net, int fd, const struct conn_handler *handler) {
    int error = watch_open(&conn->watch, net->loop, fd, on_ready, conn);
    if (error) {
        return error;
    }
    conn->net = net;
    conn->fd = fd;
    conn->handler = handler;
    conn->reading = true;
    update_watch(conn);
    return 0;
}

// ---- what a worker's connections share ----

static void on_timer(void *context, struct wheel_entry *entry) {
    struct net *net = context;
    struct conn *conn = CONTAINER_OF(entry, struct conn, timer);
    uint64_t now = loop_now(net->loop);
    if (conn->write_deadline && conn->write_deadline <= now) {
        reset(conn, CONN_END_WRITE);
        return;
    }
    if (conn->deadline && conn->deadline <= now) {
        conn->deadline = 0;
        if (conn->finishing && !conn_is_moving(conn)) {
            reset(conn, CONN_END_ABORTED);
            return;
        }
        if (conn->finishing) {
            conn->deadline = now + conn->finish_timeout;
        } else {
            conn->handler->on_deadline(conn);
        }
    }
    if (!conn->ended && conn->deadline) {
        arm_timer(conn, conn->deadline);
    }
    if (!conn->ended && conn->write_deadline) {
        arm_timer(conn, conn->write_deadline);
    }
}

static void on_sweep(void *context) {
    struct net *net = context;
    uint64_t now = loop_now(net->loop);
    net->lag_ms = now > net->sweep_due ? now - net->sweep_due : 0;
    net->sweep_due = now + WHEEL_TICK_MS;
    wheel_sweep(&net->wheel, now, on_timer, net);
}

static void on_round_end(void *context) {
    struct net *net = context;
    flush_some(net, NET_FLUSH_SLICE);
    if (net->dirty) {
        loop_come_back(net->loop);
    }
}

bool net_init(struct net *net, struct loop *loop, uint64_t write_timeout) {
    *net = (struct net){.loop = loop, .write_timeout = write_timeout};
    net->read_buffer = malloc(NET_READ_BUFFER);
    net->sweeper = timer_new(loop, on_sweep, net);
    if (!net->read_buffer || !net->sweeper) {
        net_free(net);
        return false;
    }
    wheel_init(&net->wheel, loop_now(loop));
    net->sweep_due = loop_now(loop) + WHEEL_TICK_MS;
    timer_start(net->sweeper, WHEEL_TICK_MS, WHEEL_TICK_MS);
    loop_at_end_of_round(loop, on_round_end, net);
    return true;
}

void net_free(struct net *net) {
    timer_free(net->sweeper);
    free(net->read_buffer);
    outbox_pool_free(&net->slots);
    net->sweeper = NULL;
    net->read_buffer = NULL;
}
