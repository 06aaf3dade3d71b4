// SPDX-License-Identifier: MIT
#include "conn_fixture.h"

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
