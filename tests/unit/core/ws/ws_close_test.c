// SPDX-License-Identifier: MIT
// How one connection ends: closed by either side, cut, lost, or failed for a violation.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ws_fixture.h"

// ---- closing ----

static void the_peer_closes(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    open_websocket();
    put_text(&out, WS_TEXT, "last");
    put_close(&out, 4321, "why not");
    put_text(&out, WS_TEXT, "too late");
    flush(&out);
    expect("\x81\x04last\x88\x02\x10\xe1"); // its code comes back, without the reason
    expect_fin();
    some_rounds();
    assert_false(self.ended);
    peer_fin();
    bench_close("request(/ws) text(last) close(4321 why not) unsent end(orderly)");
}

static void the_peer_closes_without_a_code(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    open_websocket();
    put_text(&out, WS_CLOSE, "");
    flush(&out);
    expect("\x88\x00");
    expect_fin();
    peer_fin();
    bench_close("request(/ws) close(1005 ) unsent end(orderly)");
}

static void we_close(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    open_websocket();
    put_text(&out, WS_TEXT, "first");
    put_text(&out, WS_TEXT, "close");
    put_text(&out, WS_TEXT, "not delivered"); // in the same feed
    put_text(&out, WS_PING, "not answered");
    flush(&out);
    expect("\x81\x05"
           "first\x88\x0d\x0f\xa1"
           "as you wish");
    send_text("not delivered either");
    some_rounds();
    assert_int_equal(self.peer.fin, 0); // until the peer has answered: it may still be sending
    send_close(4001, "");
    expect_fin();
    peer_fin();
    bench_close("request(/ws) text(first) text(close) close(4001 as you wish) unsent unsent end(orderly)");
}

static void we_close_at_once(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    request("GET", "/close", true);
    expect_bytes(accepted, sizeof accepted - 1);
    expect("\x88\x06\x11\x4d"
           "full");
    send_close(4429, "");
    expect_fin();
    peer_fin();
    bench_close("request(/close) close(4429 full) unsent end(orderly)");
}

static void a_peer_that_never_answers_our_close_is_cut(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0, .close_timeout = 150);
    open_websocket();
    send_text("close");
    uint64_t start = loop_now(self.loop);
    expect_reset();
    assert_true(loop_now(self.loop) >= start + 150);
    bench_close("request(/ws) text(close) close(4001 as you wish) unsent unsent end(cut)");
}

static void a_peer_that_never_ends_the_connection_is_cut(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0, .close_timeout = 150);
    open_websocket();
    send_close(1000, "");
    uint64_t start = loop_now(self.loop);
    expect("\x88\x02\x03\xe8");
    run_bench(has_ended);
    assert_true(loop_now(self.loop) >= start + 150);
    bench_close("request(/ws) close(1000 ) unsent end(cut)");
}

static void both_close_at_once(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    open_websocket();
    struct buf out = {0};
    put_text(&out, WS_TEXT, "close");
    put_close(&out, 1000, "me too");
    flush(&out);
    expect("\x88\x0d\x0f\xa1"
           "as you wish");
    expect_fin(); // and no second close frame
    peer_fin();
    bench_close("request(/ws) text(close) close(4001 as you wish) unsent unsent end(orderly)");
}

static void abort_within_on_message(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    open_websocket();
    put_text(&out, WS_TEXT, "abort");
    put_text(&out, WS_TEXT, "not delivered");
    put_text(&out, WS_PING, "x");
    flush(&out);
    expect_reset();
    bench_close("request(/ws) text(abort) close(1006 cut) unsent end(cut)");
}

static void abort_within_on_close(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0, .close_timeout = 60);
    open_websocket();
    ws_close(self.ws, 4000, "abort in on_close");
    assert_true(self.ended);
    expect_reset();
    bench_close("request(/ws) close(4000 abort in on_close) unsent end(cut)");
}

static void abort_within_on_close_of_the_peers(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0, .close_timeout = 60);
    open_websocket();
    send_close(4000, "abort in on_close");
    expect_reset();
    bench_close("request(/ws) close(4000 abort in on_close) unsent end(cut)");
}

static void a_lost_connection_is_1006(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    open_websocket();
    const struct linger linger = {.l_onoff = 1};
    setsockopt(self.peer.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(self.peer.fd);
    self.peer.fd = -1;
    bench_close("request(/ws) close(1006 connection lost) unsent end(cut)");
}

static void an_end_within_a_message(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    open_websocket();
    put_text(&out, WS_TEXT, "cut off");
    out.length--;
    flush(&out);
    some_rounds();
    peer_fin();
    bench_close("request(/ws) close(1006 closed by the peer without a close frame) unsent end(orderly)");
}

// ---- violations: close frame and FIN at once, the peer's bytes make no sense any more ----

static void a_violation_fails_the_connection(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *close_code; // as bytes
        const char *told;
    } cases[] = {
        {"\x81\x01x", 3, "\x03\xea", "close(1002 "},
        {"\x83\x80\0\0\0", 6, "\x03\xea", "close(1002 "},
        {"\x81\x81\0\0\0\0\xff", 7, "\x03\xef", "close(1007 "},
        {"\x82\xff\0\0\0\0\0\1\x86\xa1\0\0\0\0x", 15, "\x03\xf1", "close(1009 "}, // one byte over MESSAGE_MAX
        {"\x88\x82\0\0\0\0\x03\xed", 8, "\x03\xea", "close(1002 "},               // 1005 must not be sent
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench self;
        bench_open(&self, 0);
        open_websocket();
        peer_send(cases[i].bytes, cases[i].length);
        run_bench(peer_ended);
        assert_true(self.peer.fin);
        assert_int_equal((uint8_t)self.peer.data[0], 0x88);
        assert_int_equal(self.peer.length, 2 + self.peer.data[1]);
        assert_memory_equal(self.peer.data + 2, cases[i].close_code, 2);
        wait_for(cases[i].told);
        peer_send("\x81\x81\0\0\0\0x", 7); // not read as a message
        some_rounds();
        peer_fin();
        run_bench(has_ended);
        self.told.length = 0;
        bench_close("");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_closes),
        cmocka_unit_test(the_peer_closes_without_a_code),
        cmocka_unit_test(we_close),
        cmocka_unit_test(we_close_at_once),
        cmocka_unit_test(a_peer_that_never_answers_our_close_is_cut),
        cmocka_unit_test(a_peer_that_never_ends_the_connection_is_cut),
        cmocka_unit_test(both_close_at_once),
        cmocka_unit_test(abort_within_on_message),
        cmocka_unit_test(abort_within_on_close),
        cmocka_unit_test(abort_within_on_close_of_the_peers),
        cmocka_unit_test(a_lost_connection_is_1006),
        cmocka_unit_test(an_end_within_a_message),
        cmocka_unit_test(a_violation_fails_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
