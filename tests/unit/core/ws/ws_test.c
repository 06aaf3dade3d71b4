// SPDX-License-Identifier: MIT
// One connection: its request, its messages, its signs of life, and what happens when it is slow. How it
// ends: ws_close_test.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ws_fixture.h"

// ---- HTTP ----

static void a_request_is_answered_and_closed(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    request("GET", "/respond", false);
    expect("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n"
           "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nX-Test: 1\r\n\r\nhello");
    expect_fin();
    some_rounds();
    assert_false(self.ended); // it waits for the peer, so that the answer is not lost to a reset
    peer_fin();
    bench_close("request(/respond) end(orderly)");
}

static void head_gets_no_body(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    request("HEAD", "/respond", false);
    expect("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n"
           "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nX-Test: 1\r\n\r\n");
    expect_fin();
    peer_fin();
    bench_close("request(/respond) end(orderly)");
}

static void a_refusal_is_json(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    request("GET", "/refuse", true);
    expect("HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 59\r\nConnection: "
           "close\r\n"
           "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n"
           "{\"error\":{\"code\":\"no \\\"entry\\\"\",\"message\":\"Not for you.\"}}\n");
    expect_fin();
    peer_fin();
    bench_close("request(/refuse) end(orderly)");
}

static void only_one_request_is_answered(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    put_request(&out, "GET", "/respond", false);
    put_request(&out, "GET", "/respond", false);
    put_text(&out, WS_TEXT, "nor is this read");
    flush(&out);
    wait_for("request");
    request("GET", "/respond", false);
    some_rounds();
    peer_fin();
    bench_close("request(/respond) end(orderly)");
}

static void what_is_not_http_is_refused(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    peer_send("\x16\x03\x01\x02\r\n\r\n", 8);
    expect("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n");
    peer_fin();
    bench_close("end(orderly)");
}

static void who_closed_its_side_still_gets_a_long_answer(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, SMALL_BUFFER);
    request("GET", "/big", false);
    peer_fin();
    wait_for("request");
    some_rounds();
    run_bench(peer_ended);
    assert_true(self.peer.fin);
    assert_true(self.peer.length > BIG);
    bench_close("request(/big) end(orderly)");
}

static void the_handshake_has_a_deadline(void **state) {
    (void)state;
    static const char *const parts[] = {"", "G", "GET /ws HTTP/1.1\r\nHost: a\r\nX-",
                                        "HEAD /ws HTTP/1.1\r\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct bench self;
        bench_open(&self, 0, .handshake_timeout = 150);
        uint64_t start = loop_now(self.loop);
        peer_send(parts[i], strlen(parts[i]));
        expect("HTTP/1.1 408 Request Timeout\r\n");
        assert_true(loop_now(self.loop) >= start + 150);
        run_bench(peer_ended);
        self.peer.data[self.peer.length] = '\0';
        assert_non_null(strstr(self.peer.data, "\"code\":\"timeout\""));
        peer_fin();
        bench_close("end(orderly)");
    }
}

static uint64_t next_drip;

static bool dripped_until_answered(struct bench *self) {
    uint64_t now = clock_ns() / 1000000;
    if (now >= next_drip) {
        next_drip = now + 20;
        ssize_t n = send(self->peer.fd, "X", 1, MSG_NOSIGNAL);
        (void)n;
    }
    inbox_read(&self->peer, SIZE_MAX);
    return self->peer.length > 0;
}

static void bytes_that_drip_in_do_not_move_it(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0, .handshake_timeout = 200);
    peer_send("GET /", 5);
    run_bench(dripped_until_answered);
    expect("HTTP/1.1 408 Request Timeout\r\n");
    peer_fin();
    bench_close("end(orderly)");
}

static void an_answer_nobody_takes_is_cut(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, SMALL_BUFFER, .close_timeout = 150);
    request("GET", "/big", false);
    bench_close("request(/big) end(cut, unsent)");
}

static void abort_within_on_request(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0);
    request("GET", "/abort", true);
    expect_reset();
    bench_close("request(/abort) end(cut)"); // and no on_close: it was never open
}

static void abort_after_accept(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    put_request(&out, "GET", "/accept-abort", true);
    put_text(&out, WS_TEXT, "not delivered");
    flush(&out);
    expect_reset();
    bench_close("request(/accept-abort) close(1006 cut) unsent end(cut, unsent)");
}

// ---- open ----

static void messages_go_both_ways(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    open_websocket();
    put_text(&out, WS_TEXT, "h\xc3\xa9");
    put_text(&out, WS_BINARY, "b");
    put_text(&out, WS_TEXT, "");
    flush(&out);
    expect("\x81\x03h\xc3\xa9\x82\x01"
           "b\x81\x00");
    peer_fin();
    bench_close("request(/ws) text(h\xc3\xa9) binary(b) text() "
                "close(1006 closed by the peer without a close frame) unsent end(orderly)");
}

static const struct buf *drip;
static size_t dripped;

// The next byte only when the one before it was read.
static bool all_dripped(struct bench *self) {
    if (self->net.bytes_received == dripped && dripped < drip->length) {
        peer_send(drip->data + dripped++, 1);
    }
    inbox_read(&self->peer, SIZE_MAX);
    return dripped == drip->length && self->peer.length >= self->wanted;
}

static void byte_by_byte_is_no_different(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    put_request(&out, "GET", "/ws", true);
    put_text(&out, WS_TEXT, "h\xc3\xa9");
    put_text(&out, WS_PING, "p");
    put_text(&out, WS_BINARY, "b");
    put_close(&out, 4000, "bye");
    drip = &out;
    dripped = 0;
    self.wanted = sizeof accepted - 1 + 5 + 3 + 3 + 4;
    run_bench(all_dripped);
    expect_bytes(accepted, sizeof accepted - 1);
    expect("\x81\x03h\xc3\xa9\x8a\x01p\x82\x01"
           "b\x88\x02\x0f\xa0");
    expect_fin();
    peer_fin();
    bench_close("request(/ws) text(h\xc3\xa9) binary(b) close(4000 bye) unsent end(orderly)");
    buf_free(&out);
}

// A client that does not wait for the 101: what it sent behind its request is answered behind the 101, pongs
// too.
static void frames_behind_the_request(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, 0);
    put_request(&out, "GET", "/send", true);
    put_text(&out, WS_PING, "1");
    put_text(&out, WS_TEXT, "text");
    put_text(&out, WS_PING, "2");
    flush(&out);
    expect_bytes(accepted, sizeof accepted - 1);
    expect("\x8a\x01"
           "1\x8a\x01"
           "2\x81\x07welcome\x81\x04text");
    send_close(1000, "");
    expect("\x88\x02\x03\xe8");
    peer_fin();
    bench_close("request(/send) text(text) close(1000 ) unsent end(orderly)");
}

static void pongs_answer_in_the_order_of_the_pings(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0}, expected = {0};
    bench_open(&self, 0);
    open_websocket();
    for (int i = 0; i < 50; i++) {
        const char payload[3] = {'p', (char)('0' + i), '\0'};
        put_text(&out, WS_PING, payload);
        buf_printf(&expected, "\x8a\x02%s", payload);
    }
    put_text(&out, WS_PONG, "nobody asked"); // allowed, and ignored
    flush(&out);
    expect_bytes(expected.data, expected.length);
    buf_free(&expected);
    peer_fin();
    bench_close("request(/ws) close(1006 closed by the peer without a close frame) unsent end(orderly)");
}

// ---- alive ----

static void ping_and_pong(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0, .ping_interval = 150, .pong_timeout = 5000);
    open_websocket();
    for (int i = 0; i < 3; i++) {
        uint64_t start = loop_now(self.loop);
        expect_bytes("\x89\x00", 2);
        assert_true(loop_now(self.loop) >= start + 100); // not at once: each pong starts a new interval
        struct buf out = {0};
        put_text(&out, i == 1 ? WS_TEXT : WS_PONG, i == 1 ? "alive" : ""); // whatever it sends, it lives
        flush(&out);
        if (i == 1) {
            expect("\x81\x05"
                   "alive");
        }
    }
    peer_fin();
    bench_close(
        "request(/ws) text(alive) close(1006 closed by the peer without a close frame) unsent end(orderly)");
}

static void without_a_pong_it_is_closed(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0, .ping_interval = 100, .pong_timeout = 150, .close_timeout = 100);
    open_websocket();
    expect_bytes("\x89\x00", 2);
    uint64_t start = loop_now(self.loop);
    expect("\x88\x09\x11\x38no pong"); // 4408
    assert_true(loop_now(self.loop) >= start + 100);
    expect_reset();
    bench_close("request(/ws) close(4408 no pong) unsent end(cut)");
}

// ---- slow ----

static size_t count_frames(const struct inbox *inbox, int first_byte, size_t *at_last) {
    size_t n = 0;
    for (size_t at = 0; at + 1 < inbox->length;) {
        const uint8_t *p = (const uint8_t *)inbox->data + at;
        size_t length = p[1] < 126    ? p[1]
                        : p[1] == 126 ? (size_t)p[2] << 8 | p[3]
                                      : (size_t)p[6] << 24 | (size_t)p[7] << 16 | (size_t)p[8] << 8 | p[9];
        size_t header = ws_header_size(length);
        n += p[0] == first_byte;
        *at_last = at;
        at += header + length;
        assert_true(at <= inbox->length); // every frame is whole
    }
    return n;
}

// It gets all that was queued, then the reason, then the end. Nothing is skipped.
static void over_its_outbox_it_is_closed(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, SMALL_BUFFER, .outbox_max = BIG / 4);
    open_websocket();
    send_text("flood");
    wait_for("unsent");
    assert_true(self.ws->conn.outbox.bytes > BIG / 8);
    assert_true(self.ws->conn.outbox.bytes < BIG / 4 + 200);
    send_close(4409, "");
    run_bench(peer_ended);
    assert_true(self.peer.fin);
    size_t last = 0;
    size_t frames = count_frames(&self.peer, 0x82, &last);
    assert_in_range(frames, 8, 40);
    assert_memory_equal(self.peer.data + last + 2, "\x11\x39too slow: what is queued", 26); // 4409
    peer_fin();
    run_bench(has_ended);
    self.told.data[0] = '\0';
    self.told.length = 0;
    bench_close("");
}

static void data_does_not_crowd_out_pongs(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    bench_open(&self, SMALL_BUFFER, .outbox_max = 80000);
    open_websocket();
    put_text(&out, WS_TEXT, "fill");
    put_text(&out, WS_PING, "still there?");
    put_text(&out, WS_TEXT, "flood"); // more than the socket and the outbox take
    flush(&out);
    wait_for("close(4409");
    send_close(4409, "");
    run_bench(peer_ended);
    size_t last = 0;
    assert_int_equal(count_frames(&self.peer, 0x8a, &last), 1);
    assert_int_equal(count_frames(&self.peer, 0x88, &last), 1);
    assert_int_equal((uint8_t)self.peer.data[last], 0x88);
    peer_fin();
    bench_close("request(/ws) text(fill) full(0) text(flood) "
                "close(4409 too slow: what is queued for this client is over limits.outbox) unsent unsent "
                "end(orderly)");
}

// A peer that reads is not slow, however much is sent to it in one go.
static void a_burst_to_a_peer_that_reads_does_not_close_it(void **state) {
    (void)state;
    struct bench self;
    bench_open(&self, 0, .outbox_max = BIG / 4); // a quarter of what flood sends, and the socket takes it all
    open_websocket();
    send_text("flood");
    self.wanted = BIG;
    run_bench(peer_has);
    send_close(1000, "");
    wait_for("close(1000");
    peer_fin();
    bench_close("request(/ws) text(flood) close(1000 ) unsent end(orderly)");
}

// Pings without end from a peer that does not read: the room for control frames has an end.
static void pongs_have_a_limit_too(void **state) {
    (void)state;
    struct bench self;
    struct buf out = {0};
    char payload[125];
    memset(payload, 'x', sizeof payload);
    bench_open(&self, SMALL_BUFFER, .outbox_max = 20000, .close_timeout = 100);
    open_websocket();
    while (!self.ended) {
        assert_in_range(self.ws ? self.ws->conn.outbox.count : 0, 0, 40); // however small each of them is
        put_frame(&out, WS_PING, payload, sizeof payload);
        ssize_t n = send(self.peer.fd, out.data, out.length, MSG_NOSIGNAL);
        if (n == (ssize_t)out.length) {
            buf_clear(&out);
        } else if (n > 0) {
            memmove(out.data, out.data + n, out.length - (size_t)n);
            out.length -= (size_t)n;
        }
        run_rounds(self.loop);
        assert_true(self.ended || self.ws->conn.outbox.bytes < 20000 + 4096 + 200);
    }
    buf_free(&out);
    bench_close("request(/ws) close(4409 too slow: it does not read the pongs that it asks for) unsent "
                "end(cut, unsent)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_and_closed),
        cmocka_unit_test(head_gets_no_body),
        cmocka_unit_test(a_refusal_is_json),
        cmocka_unit_test(only_one_request_is_answered),
        cmocka_unit_test(what_is_not_http_is_refused),
        cmocka_unit_test(who_closed_its_side_still_gets_a_long_answer),
        cmocka_unit_test(the_handshake_has_a_deadline),
        cmocka_unit_test(bytes_that_drip_in_do_not_move_it),
        cmocka_unit_test(an_answer_nobody_takes_is_cut),
        cmocka_unit_test(abort_within_on_request),
        cmocka_unit_test(abort_after_accept),
        cmocka_unit_test(messages_go_both_ways),
        cmocka_unit_test(byte_by_byte_is_no_different),
        cmocka_unit_test(frames_behind_the_request),
        cmocka_unit_test(pongs_answer_in_the_order_of_the_pings),
        cmocka_unit_test(ping_and_pong),
        cmocka_unit_test(without_a_pong_it_is_closed),
        cmocka_unit_test(over_its_outbox_it_is_closed),
        cmocka_unit_test(data_does_not_crowd_out_pongs),
        cmocka_unit_test(a_burst_to_a_peer_that_reads_does_not_close_it),
        cmocka_unit_test(pongs_have_a_limit_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
