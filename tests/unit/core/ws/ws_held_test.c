// SPDX-License-Identifier: MIT
// A request that is answered later: what comes meanwhile, and what may go wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ws_fixture.h"

static const struct upgrade_answer yes = {.status = 101, .accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="};

static void hold(void) {
    request("GET", "/hold", true);
    wait_for("request(/hold)");
}

static void it_is_accepted_later(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    hold();
    some_rounds();
    inbox_read(&self.peer, SIZE_MAX);
    assert_int_equal(self.peer.length, 0);
    assert_true(ws_is_held(self.ws));
    assert_true(ws_accept(self.ws, &yes));
    assert_false(ws_is_held(self.ws));
    ws_resume(self.ws);
    expect_bytes(accepted, sizeof accepted - 1);
    send_text("hi");
    expect("\x81\x02hi");
    peer_fin();
    bench_close("request(/hold) text(hi) close(1006 closed by the peer without a close frame) unsent "
                "end(orderly)");
}

static void it_is_refused_later(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    hold();
    ws_refuse(self.ws, 401, "WWW-Authenticate: Bearer\r\n", "unauthenticated", "No.");
    assert_false(ws_is_held(self.ws));
    expect("HTTP/1.1 401 Unauthorized\r\n");
    peer_fin();
    bench_close("request(/hold) end(orderly)");
}

// Behind the request and on its own, and in the middle of a frame: nothing of it is delivered before the
// owner has said its word, and all of it then, in order.
static void what_came_early_is_delivered_behind_the_owners_word(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0}, late = {0};
    bench_open(&self, 0);
    put_request(&out, "GET", "/hold", true);
    put_text(&out, WS_TEXT, "one");
    put_text(&late, WS_TEXT, "two");
    put_text(&late, WS_TEXT, "three");
    buf_append(&out, late.data, 4);
    flush(&out);
    wait_for("request(/hold)");
    size_t before = self.net.bytes_received;
    peer_send(late.data + 4, late.length - 9);
    while (self.net.bytes_received == before) {
        run_rounds(self.loop);
    }
    assert_string_equal(self.told.data, "request(/hold) ");
    assert_true(ws_accept(self.ws, &yes));
    send_frame(self.ws, WS_TEXT, "welcome", 7);
    assert_string_equal(self.told.data, "request(/hold) ");
    ws_resume(self.ws);
    peer_send(late.data + late.length - 5, 5);
    expect_bytes(accepted, sizeof accepted - 1);
    expect("\x81\x07welcome\x81\x03one\x81\x03two\x81\x05three");
    buf_free(&late);
    peer_fin();
    bench_close("request(/hold) text(one) text(two) text(three) "
                "close(1006 closed by the peer without a close frame) unsent end(orderly)");
}

static void what_came_early_may_close_it(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    put_request(&out, "GET", "/hold", true);
    put_text(&out, WS_TEXT, "one");
    put_text(&out, WS_TEXT, "abort");
    put_text(&out, WS_TEXT, "two");
    flush(&out);
    wait_for("request(/hold)");
    assert_true(ws_accept(self.ws, &yes));
    ws_resume(self.ws);
    bench_close("request(/hold) text(one) text(abort) close(1006 cut) unsent end(cut, unsent)");
}

static void what_came_early_is_no_message_of_a_closed_one(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    put_request(&out, "GET", "/hold", true);
    put_text(&out, WS_TEXT, "not delivered");
    flush(&out);
    wait_for("request(/hold)");
    assert_true(ws_accept(self.ws, &yes));
    ws_close(self.ws, 4401, "unauthenticated");
    ws_resume(self.ws);
    expect_bytes(accepted, sizeof accepted - 1);
    expect("\x88\x11\x11\x31unauthenticated");
    send_close(4401, "");
    peer_fin();
    bench_close("request(/hold) close(4401 unauthenticated) unsent end(orderly)");
}

static void early_bytes_of_a_refused_one_are_nothing(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    put_request(&out, "GET", "/hold", true);
    put_text(&out, WS_TEXT, "not delivered");
    flush(&out);
    wait_for("request(/hold)");
    ws_refuse(self.ws, 403, "", "no", "No.");
    send_text("nor this");
    expect("HTTP/1.1 403 Forbidden\r\n");
    peer_fin();
    bench_close("request(/hold) end(orderly)");
}

// As much as the head of a request may have, and not a byte more.
static void early_bytes_have_a_limit(void **state) {
    (void)state;
    static char bytes[8193];
    for (int more = 0; more <= 1; more++) {
        struct bench self;
        bench_open(&self, 0);
        hold();
        size_t before = self.net.bytes_received;
        peer_send(bytes, 8192 + (size_t)more);
        while (self.net.bytes_received < before + 8192 + (size_t)more) {
            run_rounds(self.loop);
        }
        assert_int_equal(ws_is_held(self.ws), !more);
        if (more) {
            expect("HTTP/1.1 413 Content Too Large\r\n");
        } else {
            ws_refuse(self.ws, 403, "", "no", "No.");
            expect("HTTP/1.1 403 Forbidden\r\n");
        }
        peer_fin();
        bench_close("request(/hold) end(orderly)");
    }
}

static void a_client_that_goes_is_seen_at_once(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    hold();
    send_text("with early bytes");
    some_rounds();
    peer_fin();
    bench_close("request(/hold) end(orderly)");
}

static void a_reset_is_seen_at_once(void **state) {
    (void)state;
    struct bench self;
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    bench_open(&self, 0);
    hold();
    setsockopt(self.peer.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(self.peer.fd);
    run_bench(has_ended);
    self.peer.fd = dup(0); // for the fixture to close
    bench_close("request(/hold) end(cut)");
}

static void the_handshake_goes_on_having_a_deadline(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0, .handshake_timeout = 150);
    uint64_t start = loop_now(self.loop);
    hold();
    expect("HTTP/1.1 503 Service Unavailable\r\n");
    assert_true(loop_now(self.loop) >= start + 150);
    assert_false(ws_is_held(self.ws)); // who comes now with an answer is too late
    peer_fin();
    bench_close("request(/hold) end(orderly)");
}

static void an_abort_while_it_is_held(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    put_request(&out, "GET", "/hold-abort", true);
    put_text(&out, WS_TEXT, "nobody reads it");
    flush(&out);
    expect_reset();
    bench_close("request(/hold-abort) end(cut)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_accepted_later),
        cmocka_unit_test(it_is_refused_later),
        cmocka_unit_test(what_came_early_is_delivered_behind_the_owners_word),
        cmocka_unit_test(what_came_early_may_close_it),
        cmocka_unit_test(what_came_early_is_no_message_of_a_closed_one),
        cmocka_unit_test(early_bytes_of_a_refused_one_are_nothing),
        cmocka_unit_test(early_bytes_have_a_limit),
        cmocka_unit_test(a_client_that_goes_is_seen_at_once),
        cmocka_unit_test(a_reset_is_seen_at_once),
        cmocka_unit_test(the_handshake_goes_on_having_a_deadline),
        cmocka_unit_test(an_abort_while_it_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
