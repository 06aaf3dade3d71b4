// SPDX-License-Identifier: MIT
#include "conn_fixture.h"

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

static bool peer_has_big(struct bench *bench) {
    inbox_read(&bench->peer, 64 * 1024);
    return bench->peer.length >= BIG;
}

// Once, and only who has asked.
static void it_is_told_when_little_is_left(void **state) {
    (void)state;
    static const size_t marks[] = {0, 1, PIECE, BIG / 2, BIG * 2};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        struct bench bench;
        bench_open(&bench, 10000, 4096);
        send_big(bench.side);
        if (marks[i] > 0) {
            conn_tell_below(&bench.side->conn, marks[i]);
        }
        run_bench(&bench, peer_has_big);
        assert_int_equal(bench.side->lows, marks[i] > 0);
        assert_true(bench.side->bytes_when_low < marks[i] || marks[i] == 0);
        check_big(&bench.peer);
        send_text(bench.side, "x");
        conn_flush(&bench.side->conn);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
