// SPDX-License-Identifier: MIT
// One connection of core/net on a loop of its own, and its peer as a plain socket.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop_fixture.h"
#include "net/conn.h"

enum { SMALL_BUFFER = 32768, BIG = 4 * 1024 * 1024, PIECE = 64 * 1024 };

struct side {
    struct conn conn;
    struct bench *bench;
    char got[64]; // the first bytes that on_data was given
    size_t received;
    int deadlines;
    uint64_t deadline_at;
    int ends;
    enum conn_end end;
    uint64_t ended_at;
    int lows;
    size_t bytes_when_low;
    void (*react)(struct side *side);       // to data
    void (*on_deadline)(struct side *side); // to the deadline
    void (*on_end)(struct side *side);
};

struct bench {
    struct loop *loop;
    struct net net;
    struct side *side;
    struct inbox peer;
    int freed;
    bool (*ask)(struct bench *bench);
};

static inline struct side *side_of(struct conn *conn) {
    return (struct side *)(void *)conn;
}

static inline void on_data(struct conn *conn, char *data, size_t length) {
    struct side *side = side_of(conn);
    assert_int_equal(side->ends, 0);
    for (size_t i = 0; i < length && side->received + i < sizeof side->got - 1; i++) {
        side->got[side->received + i] = data[i];
    }
    memset(data, 0, length); // it may be written to
    side->received += length;
    if (side->react) {
        side->react(side);
    }
}

static inline void on_deadline(struct conn *conn) {
    struct side *side = side_of(conn);
    assert_int_equal(side->ends, 0);
    side->deadlines++;
    side->deadline_at = loop_now(conn->net->loop);
    if (side->on_deadline) {
        side->on_deadline(side);
    }
}

static inline void on_end(struct conn *conn, enum conn_end end) {
    struct side *side = side_of(conn);
    side->ends++;
    side->end = end;
    side->ended_at = loop_now(conn->net->loop);
    if (side->on_end) {
        side->on_end(side);
    }
}

static inline void on_free(struct conn *conn) {
    struct side *side = side_of(conn);
    assert_int_equal(side->ends, 1);
    side->bench->freed++;
}

static inline void on_low(struct conn *conn) {
    side_of(conn)->lows++;
    side_of(conn)->bytes_when_low = conn->outbox.bytes;
}

static const struct conn_handler handler = {on_data, on_deadline, on_end, on_free, on_low};

static inline void bench_open(struct bench *bench, uint64_t write_timeout, int buffer) {
    int fds[2];
    *bench = (struct bench){.loop = loop_new()};
    assert_true(net_init(&bench->net, bench->loop, write_timeout));
    tcp_pair(fds, buffer);
    bench->side = calloc(1, sizeof *bench->side);
    bench->side->bench = bench;
    bench->peer.fd = fds[1];
    assert_int_equal(conn_open(&bench->side->conn, &bench->net, fds[0], &handler), 0);
}

static inline bool ask(void *self) {
    struct bench *bench = self;
    return bench->ask(bench);
}

#define run_bench(bench_, question_) \
    ((bench_)->ask = (question_), run_until_((bench_)->loop, ask, (bench_), #question_, __FILE__, __LINE__))

static inline bool has_ended(struct bench *bench) {
    return bench->side->ends > 0;
}

static inline bool is_freed(struct bench *bench) {
    return bench->freed > 0;
}

static inline bool has_received(struct bench *bench) {
    return bench->side->received > 0;
}

static inline bool peer_ended(struct bench *bench) {
    return inbox_ended(&bench->peer);
}

static inline bool all_is_out(struct bench *bench) {
    inbox_read(&bench->peer, SIZE_MAX);
    return bench->net.outbox_bytes == 0;
}

static inline void on_stray(void *context, struct wheel_entry *entry) {
    (void)context;
    (void)entry;
    fail_msg("the wheel still holds a connection that has ended");
}

static inline void bench_close(struct bench *bench) {
    conn_abort(&bench->side->conn); // if it has not ended yet
    net_flush(&bench->net);
    run_bench(bench, is_freed);
    assert_int_equal(bench->net.outbox_bytes, 0);
    memset(bench->side, 0xee, sizeof *bench->side); // nobody looks at it any more
    free(bench->side);
    // Nor does the wheel, however far the deadline was.
    wheel_sweep(&bench->net.wheel, loop_now(bench->loop) + 1000 * FIXTURE_DEADLINE_MS, on_stray, NULL);
    assert_int_equal(bench->freed, 1);
    net_free(&bench->net);
    loop_free(bench->loop);
    inbox_free(&bench->peer);
}

static inline void peer_send(struct bench *bench, const char *text) {
    assert_int_equal(send(bench->peer.fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline void send_text(struct side *side, const char *text) {
    struct frame *frame = frame_new(strlen(text));
    memcpy(frame->data, text, strlen(text));
    assert_true(conn_send(&side->conn, frame));
    frame_unref(frame);
}

static inline uint8_t byte_at(size_t position) {
    return (uint8_t)(position * 31 + (position >> 8) * 7 + (position >> 16));
}

static inline void send_big(struct side *side) {
    for (size_t at = 0; at < BIG; at += PIECE) {
        struct frame *frame = frame_new(PIECE);
        for (size_t i = 0; i < PIECE; i++) {
            frame->data[i] = byte_at(at + i);
        }
        assert_true(conn_send(&side->conn, frame));
        frame_unref(frame);
    }
}

static inline void check_big(const struct inbox *inbox) {
    assert_int_equal(inbox->length, BIG);
    for (size_t i = 0; i < BIG; i++) {
        if ((uint8_t)inbox->data[i] != byte_at(i)) {
            fail_msg("byte %zu is wrong", i);
        }
    }
}

static inline void abort_it(struct side *side) {
    conn_abort(&side->conn);
}
