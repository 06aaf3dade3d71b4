// SPDX-License-Identifier: MIT
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
    int deadlines, lows;
    uint64_t deadline_at;
    int ends;
    enum conn_end end;
    uint64_t ended_at;
    size_t low;                             // bytes that were left then
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

static struct side *side_of(struct conn *conn) {
    return (struct side *)(void *)conn;
}

static void on_data(struct conn *conn, char *data, size_t length) {
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

static void on_deadline(struct conn *conn) {
    struct side *side = side_of(conn);
    assert_int_equal(side->ends, 0);
    side->deadlines++;
    side->deadline_at = loop_now(conn->net->loop);
    if (side->on_deadline) {
        side->on_deadline(side);
    }
}

static void on_end(struct conn *conn, enum conn_end end) {
    struct side *side = side_of(conn);
    side->ends++;
    side->end = end;
    side->ended_at = loop_now(conn->net->loop);
    if (side->on_end) {
        side->on_end(side);
    }
}

static void on_free(struct conn *conn) {
    struct side *side = side_of(conn);
    assert_int_equal(side->ends, 1);
    side->bench->freed++;
}

static void on_low(struct conn *conn) {
    side_of(conn)->lows++;
}

static const struct conn_handler handler = {on_data, on_deadline, on_end, on_free, on_low};

static void bench_open(struct bench *bench, uint64_t write_timeout, int buffer) {
    int fds[2];
    *bench = (struct bench){.loop = loop_new()};
    assert_true(net_init(&bench->net, bench->loop, write_timeout));
    tcp_pair(fds, buffer);
    bench->side = calloc(1, sizeof *bench->side);
    bench->side->bench = bench;
    bench->peer.fd = fds[1];
    assert_int_equal(conn_open(&bench->side->conn, &bench->net, fds[0], &handler), 0);
}

static bool ask(void *self) {
    struct bench *bench = self;
    return bench->ask(bench);
}

#define run_bench(bench_, question_) \
    ((bench_)->ask = (question_), run_until_((bench_)->loop, ask, (bench_), #question_, __FILE__, __LINE__))

static bool has_ended(struct bench *bench) {
    return bench->side->ends > 0;
}

static bool is_freed(struct bench *bench) {
    return bench->freed > 0;
}

static bool has_received(struct bench *bench) {
    return bench->side->received > 0;
}

static bool peer_ended(struct bench *bench) {
    return inbox_ended(&bench->peer);
}

static bool all_is_out(struct bench *bench) {
    inbox_read(&bench->peer, SIZE_MAX);
    return bench->net.outbox_bytes == 0;
}

static void on_stray(void *context, struct wheel_entry *entry) {
    (void)context;
    (void)entry;
    fail_msg("the wheel still holds a connection that has ended");
}

static void bench_close(struct bench *bench) {
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

static void peer_send(struct bench *bench, const char *text) {
    assert_int_equal(send(bench->peer.fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void send_text(struct side *side, const char *text) {
    struct frame *frame = frame_new(strlen(text));
    memcpy(frame->data, text, strlen(text));
    assert_true(conn_send(&side->conn, frame));
    frame_unref(frame);
}

static uint8_t byte_at(size_t position) {
    return (uint8_t)(position * 31 + (position >> 8) * 7 + (position >> 16));
}

static void send_big(struct side *side) {
    for (size_t at = 0; at < BIG; at += PIECE) {
        struct frame *frame = frame_new(PIECE);
        for (size_t i = 0; i < PIECE; i++) {
            frame->data[i] = byte_at(at + i);
        }
        assert_true(conn_send(&side->conn, frame));
        frame_unref(frame);
    }
}

static void check_big(const struct inbox *inbox) {
    assert_int_equal(inbox->length, BIG);
    for (size_t i = 0; i < BIG; i++) {
        if ((uint8_t)inbox->data[i] != byte_at(i)) {
            fail_msg("byte %zu is wrong", i);
        }
    }
}

// ---- reading and gathering ----

static int reply_count;

static void reply_in_pieces(struct side *side) {
    for (int i = 0; i < reply_count; i++) {
        send_text(side, (char[]){'a', (char)('0' + i % 10), '\0'});
    }
}

static bool peer_has_replies(struct bench *bench) {
    inbox_read(&bench->peer, SIZE_MAX);
    return bench->peer.length >= 2 * (size_t)reply_count;
}

static void what_a_round_queues_leaves_in_one_call(void **state) {
    (void)state;
    static const int counts[] = {1, 2, 7, 64};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct bench bench;
        bench_open(&bench, 10000, 0);
        reply_count = counts[i];
        bench.side->react = reply_in_pieces;
        peer_send(&bench, "go");
        run_bench(&bench, peer_has_replies);
        assert_int_equal(bench.net.sends, 1);
        assert_int_equal(bench.net.bytes_sent, 2 * counts[i]);
        assert_int_equal(bench.net.bytes_received, 2);
        assert_int_equal(bench.peer.length, 2 * counts[i]);
        for (int k = 0; k < counts[i]; k++) {
            assert_int_equal(bench.peer.data[2 * k + 1], '0' + k % 10);
        }
        assert_string_equal(bench.side->got, "go");
        bench_close(&bench);
    }
}

static void nothing_leaves_before_the_round_ends(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    reply_count = 1;
    send_text(bench.side, "ab");
    assert_int_equal(bench.net.sends, 0);
    assert_int_equal(bench.net.outbox_bytes, 2);
    run_bench(&bench, peer_has_replies);
    assert_int_equal(bench.net.sends, 1);
    assert_int_equal(bench.net.outbox_bytes, 0);
    bench_close(&bench);
}

static void it_is_told_when_little_is_left(void **state) {
    static const size_t marks[] = {0, 1, PIECE, BIG / 2, BIG * 2};
    (void)state;
    reply_count = BIG / 2;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        struct bench bench;
        bench_open(&bench, 10000, 4096);
        send_big(bench.side);
        conn_tell_below(&bench.side->conn, marks[i]);
        run_bench(&bench, peer_has_replies);
        assert_int_equal(bench.side->lows, marks[i] > 0);
        bench_close(&bench);
    }
}

// More connections than a slice: nothing else happens on this loop, so it must come back by itself.
static void stop_when_clean(void *context) {
    struct bench *bench = context;
    if (!bench->net.dirty) {
        loop_stop(bench->loop);
    }
}

static void too_late(void *context) {
    (void)context;
    fail_msg("the rest of the connections was never flushed");
}

static void a_large_fan_out_leaves_in_slices(void **state) {
    (void)state;
    enum { MANY = 2 * NET_FLUSH_SLICE + 10 };
    struct bench bench;
    bench_open(&bench, 10000, 0);
    static struct bench others[MANY];
    for (int i = 0; i < MANY; i++) {
        int fds[2];
        tcp_pair(fds, 0);
        others[i] = (struct bench){.loop = bench.loop, .peer.fd = fds[1]};
        others[i].side = calloc(1, sizeof *others[i].side);
        others[i].side->bench = &others[i];
        assert_int_equal(conn_open(&others[i].side->conn, &bench.net, fds[0], &handler), 0);
        send_text(others[i].side, "first");
        send_text(others[i].side, "second");
    }
    timer_stop(bench.net.sweeper);
    struct timer *watchdog = timer_new(bench.loop, too_late, NULL);
    timer_start(watchdog, FIXTURE_DEADLINE_MS, 0);
    loop_at_end_of_round(bench.loop, stop_when_clean, &bench);
    loop_run(bench.loop);
    timer_free(watchdog);
    assert_int_equal(bench.net.sends, MANY);
    assert_int_equal(bench.net.outbox_bytes, 0);
    for (int i = 0; i < MANY; i++) {
        inbox_read(&others[i].peer, SIZE_MAX);
        assert_int_equal(others[i].peer.length, 11);
        conn_abort(&others[i].side->conn);
    }
    loop_run(bench.loop); // stop_when_clean ends it behind the close callbacks of a round
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(others[i].freed, 1);
        free(others[i].side);
        inbox_free(&others[i].peer);
    }
    conn_abort(&bench.side->conn);
    loop_run(bench.loop);
    assert_int_equal(bench.freed, 1);
    free(bench.side);
    net_free(&bench.net);
    loop_free(bench.loop);
    inbox_free(&bench.peer);
}

static void send_front_overtakes(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    struct frame *ping = frame_new(2);
    memcpy(ping->data, "!!", 2);
    reply_count = 2;
    send_text(bench.side, "ab");
    assert_true(conn_send_front(&bench.side->conn, ping));
    assert_int_equal(bench.net.outbox_bytes, 4);
    run_bench(&bench, peer_has_replies);
    assert_memory_equal(bench.peer.data, "!!ab", 4);
    assert_int_equal(ping->refs, 1);
    frame_unref(ping);
    bench_close(&bench);
}

static void reading_can_be_held_back(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    conn_read(&bench.side->conn, false);
    peer_send(&bench, "held");
    for (int i = 0; i < 20; i++) {
        run_rounds(bench.loop);
    }
    assert_int_equal(bench.side->received, 0);
    conn_read(&bench.side->conn, true);
    run_bench(&bench, has_received);
    assert_string_equal(bench.side->got, "held");
    bench_close(&bench);
}

// ---- a peer that does not read ----

static void backpressure_keeps_all_of_it(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 60000, SMALL_BUFFER);
    send_big(bench.side);
    for (int i = 0; i < 20; i++) {
        run_rounds(bench.loop);
    }
    assert_true(bench.net.outbox_bytes > BIG / 2); // it does not hide in the kernel
    assert_int_equal(bench.net.outbox_bytes, bench.side->conn.outbox.bytes);
    assert_int_equal(bench.net.outbox_bytes + bench.net.bytes_sent, BIG);
    uint64_t sends = bench.net.sends;
    for (int i = 0; i < 20; i++) {
        run_rounds(bench.loop);
    }
    for (int i = 0; i < 20; i++) {
        send_text(bench.side, "x"); // joins the queue, and calls nobody
        run_rounds(bench.loop);
    }
    assert_true(bench.net.sends <
                sends + 10); // it waits for the socket (the kernel may yet take some), not in a circle
    run_bench(&bench, all_is_out);
    while (bench.peer.length < BIG + 20) {
        inbox_read(&bench.peer, SIZE_MAX);
    }
    assert_memory_equal(bench.peer.data + BIG, "xxxxxxxxxxxxxxxxxxxx", 20);
    bench.peer.length = BIG;
    check_big(&bench.peer);
    assert_int_equal(bench.side->ends, 0);
    bench_close(&bench);
}

static void without_progress_it_is_cut(void **state) {
    (void)state;
    enum { TIMEOUT = 200 };
    struct bench bench;
    bench_open(&bench, TIMEOUT, SMALL_BUFFER);
    send_big(bench.side);
    uint64_t start = loop_now(bench.loop);
    run_bench(&bench, has_ended);
    assert_int_equal(bench.side->end, CONN_END_WRITE);
    assert_int_equal(bench.side->deadlines, 0);
    assert_true(bench.side->ended_at >= start + TIMEOUT);
    assert_true(bench.side->ended_at < start + 20 * TIMEOUT);
    run_bench(&bench, peer_ended);
    assert_int_equal(bench.peer.error, ECONNRESET); // and not an end that looks orderly
    bench_close(&bench);
}

static uint64_t next_sip, last_sip;

static bool sipped_long_enough(struct bench *bench) {
    uint64_t now = clock_ns() / 1000000;
    if (now >= next_sip) {
        next_sip = now + 20;
        inbox_read(&bench->peer, 64 * 1024);
    }
    return bench->side->ends > 0 || now >= last_sip;
}

static void a_slow_reader_is_not_cut(void **state) {
    (void)state;
    enum { TIMEOUT = 400 };
    struct bench bench;
    bench_open(&bench, TIMEOUT, SMALL_BUFFER);
    send_big(bench.side);
    send_big(bench.side);
    next_sip = 0;
    last_sip = clock_ns() / 1000000 + 3 * TIMEOUT;
    run_bench(&bench, sipped_long_enough);
    assert_int_equal(bench.side->ends, 0);
    assert_true(bench.net.outbox_bytes > 0); // it was slow indeed
    bench_close(&bench);
}

static void the_write_deadline_goes_with_the_last_byte(void **state) {
    (void)state;
    enum { TIMEOUT = 200 };
    struct bench bench;
    bench_open(&bench, TIMEOUT, SMALL_BUFFER);
    send_big(bench.side);
    run_rounds(bench.loop);
    run_bench(&bench, all_is_out);
    uint64_t later = clock_ns() / 1000000 + 3 * TIMEOUT;
    while (clock_ns() / 1000000 < later) {
        run_rounds(bench.loop);
    }
    assert_int_equal(bench.side->ends, 0);
    bench_close(&bench);
}

// ---- the owner's deadline ----

static bool deadline_passed(struct bench *bench) {
    return bench->side->deadlines > 0;
}

static void run_for(struct bench *bench, uint64_t ms) {
    uint64_t end = loop_now(bench->loop) + ms;
    while (loop_now(bench->loop) < end) {
        run_rounds(bench->loop);
    }
}

static void the_deadline_comes_once_and_not_early(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    uint64_t start = loop_now(bench.loop);
    conn_set_deadline(&bench.side->conn, start + 120);
    run_bench(&bench, deadline_passed);
    assert_true(bench.side->deadline_at >= start + 120);
    assert_true(bench.side->deadline_at < start + 2000);
    run_for(&bench, 300);
    assert_int_equal(bench.side->deadlines, 1);
    bench_close(&bench);
}

static void the_deadline_can_be_moved_and_taken_back(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    uint64_t start = loop_now(bench.loop);
    conn_set_deadline(&bench.side->conn, start + 60);
    conn_set_deadline(&bench.side->conn, start + 300); // later: the wheel still has the earlier time
    run_bench(&bench, deadline_passed);
    assert_true(bench.side->deadline_at >= start + 300);
    start = loop_now(bench.loop);
    bench.side->deadlines = 0;
    conn_set_deadline(&bench.side->conn, start + 15000);
    conn_set_deadline(&bench.side->conn, start + 60); // earlier
    run_bench(&bench, deadline_passed);
    assert_true(bench.side->deadline_at < start + 10000);
    bench.side->deadlines = 0;
    conn_set_deadline(&bench.side->conn, loop_now(bench.loop) + 60);
    conn_set_deadline(&bench.side->conn, 0);
    run_for(&bench, 250);
    assert_int_equal(bench.side->deadlines, 0);
    bench_close(&bench);
}

static void set_next_deadline(struct side *side) {
    conn_set_deadline(&side->conn, loop_now(side->conn.net->loop) + 60);
}

static bool three_deadlines(struct bench *bench) {
    return bench->side->deadlines >= 3;
}

static void a_deadline_may_set_the_next(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    bench.side->on_deadline = set_next_deadline;
    uint64_t start = loop_now(bench.loop);
    set_next_deadline(bench.side);
    run_bench(&bench, three_deadlines);
    assert_true(bench.side->deadline_at >= start + 3 * 60);
    bench_close(&bench);
}

static void both_deadlines_share_one_timer(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 400, SMALL_BUFFER);
    bench.side->on_deadline = set_next_deadline;
    send_big(bench.side);
    set_next_deadline(bench.side);
    run_bench(&bench, has_ended); // the one is served again and again, the other comes all the same
    assert_int_equal(bench.side->end, CONN_END_WRITE);
    assert_true(bench.side->deadlines >= 2);
    bench_close(&bench);
}

static void abort_it(struct side *side) {
    conn_abort(&side->conn);
}

static void a_deadline_may_abort(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    bench.side->on_deadline = abort_it;
    conn_set_deadline(&bench.side->conn, loop_now(bench.loop) + 1);
    run_bench(&bench, has_ended);
    assert_int_equal(bench.side->end, CONN_END_ABORTED);
    bench_close(&bench);
}

// An owner that learns of the end late, as from within its own call, must not bring the timer back to life.
static void after_the_end_a_deadline_is_nothing(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    bench.side->on_end = set_next_deadline;
    conn_abort(&bench.side->conn);
    conn_set_deadline(&bench.side->conn, loop_now(bench.loop) + 60);
    assert_false(wheel_is_armed(&bench.side->conn.timer));
    bench_close(&bench);
}

// ---- finishing ----

static void finish_flushes_and_waits_for_the_peer(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 60000, SMALL_BUFFER);
    send_big(bench.side);
    conn_finish(&bench.side->conn, 60000);
    send_text(bench.side, "too late"); // true, and nobody gets it
    peer_send(&bench, "thrown away");
    run_bench(&bench, peer_ended);
    assert_true(bench.peer.fin);
    check_big(&bench.peer);
    for (int i = 0; i < 20; i++) {
        run_rounds(bench.loop);
    }
    assert_int_equal(bench.side->ends, 0); // until the peer has got it all
    assert_int_equal(bench.side->received, 0);
    shutdown(bench.peer.fd, SHUT_WR);
    run_bench(&bench, has_ended);
    assert_int_equal(bench.side->end, CONN_END_PEER);
    bench_close(&bench);
}

static void finish_with_nothing_queued(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    conn_read(&bench.side->conn, false); // whoever was held back is read again, or its FIN would not be seen
    conn_finish(&bench.side->conn, 60000);
    conn_finish(&bench.side->conn, 1); // the second is nothing
    run_bench(&bench, peer_ended);
    assert_true(bench.peer.fin);
    shutdown(bench.peer.fd, SHUT_WR);
    run_bench(&bench, has_ended);
    assert_int_equal(bench.side->end, CONN_END_PEER);
    bench_close(&bench);
}

static void finish_runs_out_of_time(void **state) {
    (void)state;
    for (int reads = 0; reads <= 1;
         reads++) { // a peer that does not read, and one that reads but does not close
        struct bench bench;
        bench_open(&bench, 60000, SMALL_BUFFER);
        uint64_t start = loop_now(bench.loop);
        if (reads) {
            send_text(bench.side, "all");
        } else {
            send_big(bench.side);
        }
        conn_finish(&bench.side->conn, 150);
        if (reads) {
            run_bench(&bench, peer_ended);
            assert_int_equal(bench.peer.length, 3);
        }
        run_bench(&bench, has_ended);
        assert_int_equal(bench.side->end, CONN_END_ABORTED);
        assert_int_equal(bench.side->deadlines, 0); // it is not the owner's any more
        assert_true(bench.side->ended_at >= start + 150);
        bench_close(&bench);
    }
}

static void reply_big_and_finish(struct side *side) {
    send_big(side);
    conn_finish(&side->conn, 60000);
}

// `printf 'GET / ...' | nc -N`: the peer has said all it has to say, and listens.
static void a_peer_that_closed_its_side_still_gets_all(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 60000, SMALL_BUFFER);
    bench.side->react = reply_big_and_finish;
    peer_send(&bench, "request");
    shutdown(bench.peer.fd, SHUT_WR);
    run_bench(&bench, has_received);
    for (int i = 0; i < 20; i++) {
        run_rounds(bench.loop);
    }
    assert_int_equal(bench.side->ends, 0);
    run_bench(&bench, peer_ended);
    assert_true(bench.peer.fin);
    check_big(&bench.peer);
    run_bench(&bench, has_ended);
    assert_int_equal(bench.side->end, CONN_END_PEER);
    bench_close(&bench);
}

// ---- ends ----

static void abort_resets(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    send_text(bench.side, "lost");
    conn_abort(&bench.side->conn);
    assert_int_equal(bench.side->ends, 1);
    assert_int_equal(bench.side->end, CONN_END_ABORTED);
    conn_abort(&bench.side->conn); // all of this is nothing now
    conn_finish(&bench.side->conn, 1);
    conn_read(&bench.side->conn, true);
    send_text(bench.side, "nobody");
    assert_int_equal(bench.net.outbox_bytes, 0);
    run_bench(&bench, peer_ended);
    assert_int_equal(bench.peer.error, ECONNRESET);
    assert_int_equal(bench.peer.length, 0);
    bench_close(&bench);
}

static void the_peers_end_is_the_end(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    peer_send(&bench, "last words");
    shutdown(bench.peer.fd, SHUT_WR);
    run_bench(&bench, has_ended);
    assert_int_equal(bench.side->end, CONN_END_PEER);
    assert_string_equal(bench.side->got, "last words");
    bench_close(&bench);
}

static void the_peers_reset_is_an_error(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    const struct linger linger = {.l_onoff = 1};
    setsockopt(bench.peer.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(bench.peer.fd);
    bench.peer.fd = -1;
    run_bench(&bench, has_ended);
    assert_int_equal(bench.side->end, CONN_END_ERROR);
    bench_close(&bench);
}

// The socket breaks while it is written: conn ends within the flush.
static void a_reset_found_by_writing_is_an_error(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    const struct linger linger = {.l_onoff = 1};
    setsockopt(bench.peer.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(bench.peer.fd);
    bench.peer.fd = -1;
    send_text(bench.side, "x");
    net_flush(&bench.net);
    assert_int_equal(bench.side->ends, 1);
    assert_int_equal(bench.side->end, CONN_END_ERROR);
    bench_close(&bench);
}

static void send_and_abort(struct side *side) {
    send_text(side, "in the dirty list");
    conn_abort(&side->conn);
}

static void it_may_end_within_on_data(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    bench.side->react = abort_it;
    peer_send(&bench, "x");
    run_bench(&bench, is_freed);
    bench_close(&bench);
}

// Its memory may go only when the list has forgotten it, whichever of the two comes first.
static void it_may_end_while_it_stands_in_the_dirty_list(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    bench.side->react = send_and_abort;
    peer_send(&bench, "x");
    run_bench(&bench, is_freed);
    assert_null(bench.net.dirty);
    bench_close(&bench);
}

static void the_dirty_list_passes_over_the_dead(void **state) {
    (void)state;
    struct bench bench;
    struct bench others[3];
    bench_open(&bench, 10000, 0);
    for (int i = 0; i < 3; i++) { // on the first one's net
        int fds[2];
        tcp_pair(fds, 0);
        others[i] = (struct bench){.loop = bench.loop, .peer.fd = fds[1]};
        others[i].side = calloc(1, sizeof *others[i].side);
        others[i].side->bench = &others[i];
        assert_int_equal(conn_open(&others[i].side->conn, &bench.net, fds[0], &handler), 0);
        send_text(others[i].side, "hello");
    }
    conn_abort(&others[0].side->conn);
    conn_abort(&others[2].side->conn);
    net_flush(&bench.net);
    assert_int_equal(bench.net.sends, 1);
    assert_int_equal(bench.net.outbox_bytes, 0);
    conn_abort(&others[1].side->conn);
    for (int i = 0; i < 3; i++) {
        run_bench(&others[i], is_freed);
        assert_int_equal(others[i].freed, 1);
        free(others[i].side);
        inbox_free(&others[i].peer);
    }
    bench_close(&bench);
}

static void what_cannot_be_watched_stays_the_callers(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, 10000, 0);
    FILE *file = tmpfile();
    assert_non_null(file);
    struct side *side = calloc(1, sizeof *side);
    assert_true(conn_open(&side->conn, &bench.net, fileno(file), &handler) < 0);
    assert_true(fcntl(fileno(file), F_GETFD) >= 0);
    fclose(file);
    free(side);
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_round_queues_leaves_in_one_call),
        cmocka_unit_test(nothing_leaves_before_the_round_ends),
        cmocka_unit_test(it_is_told_when_little_is_left),
        cmocka_unit_test(a_large_fan_out_leaves_in_slices),
        cmocka_unit_test(send_front_overtakes),
        cmocka_unit_test(reading_can_be_held_back),
        cmocka_unit_test(backpressure_keeps_all_of_it),
        cmocka_unit_test(without_progress_it_is_cut),
        cmocka_unit_test(a_slow_reader_is_not_cut),
        cmocka_unit_test(the_write_deadline_goes_with_the_last_byte),
        cmocka_unit_test(the_deadline_comes_once_and_not_early),
        cmocka_unit_test(the_deadline_can_be_moved_and_taken_back),
        cmocka_unit_test(a_deadline_may_set_the_next),
        cmocka_unit_test(both_deadlines_share_one_timer),
        cmocka_unit_test(a_deadline_may_abort),
        cmocka_unit_test(after_the_end_a_deadline_is_nothing),
        cmocka_unit_test(finish_flushes_and_waits_for_the_peer),
        cmocka_unit_test(finish_with_nothing_queued),
        cmocka_unit_test(finish_runs_out_of_time),
        cmocka_unit_test(a_peer_that_closed_its_side_still_gets_all),
        cmocka_unit_test(abort_resets),
        cmocka_unit_test(the_peers_end_is_the_end),
        cmocka_unit_test(the_peers_reset_is_an_error),
        cmocka_unit_test(a_reset_found_by_writing_is_an_error),
        cmocka_unit_test(it_may_end_within_on_data),
        cmocka_unit_test(it_may_end_while_it_stands_in_the_dirty_list),
        cmocka_unit_test(the_dirty_list_passes_over_the_dead),
        cmocka_unit_test(what_cannot_be_watched_stays_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
