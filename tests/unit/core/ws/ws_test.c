// SPDX-License-Identifier: MIT
// One connection over loopback, its peer played by hand. What the owner is told goes into a transcript.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop_fixture.h"
#include "util/buf.h"
#include "ws/ws.h"

enum { LONG = 60000, MESSAGE_MAX = 100000, SMALL_BUFFER = 32768, BIG = 1024 * 1024 };

struct bench {
    struct loop *loop;
    struct net net;
    struct ws_server server;
    struct ws *ws; // NULL once it has ended
    struct inbox peer;
    struct buf told; // the transcript
    bool ended;
    bool (*ask)(struct bench *bench);
    size_t wanted;
    const char *expected;
};

struct owner {
    struct ws ws;
    uint64_t zero[4]; // allocated zeroed
};

static struct bench *bench; // of the test that runs: callbacks find it here

// ---- an owner that does what the request and the messages say ----

static void send_frame(struct ws *ws, enum ws_opcode opcode, const void *data, size_t length) {
    struct frame *frame = frame_new(ws_header_size(length) + length);
    size_t header = ws_header_write(frame->data, opcode, length);
    memcpy(frame->data + header, data, length);
    buf_puts(&bench->told, ws_send(ws, frame) ? "" : "unsent ");
    frame_unref(frame);
}

static void do_accept(struct ws *ws, const struct http_request *request) {
    struct upgrade_answer answer;
    const struct upgrade_settings settings = {(const char *const[]){"*"}, 1, NULL, 0};
    upgrade_check(request, &settings, &answer);
    assert_int_equal(answer.status, 101);
    assert_true(ws_accept(ws, &answer));
    assert_true(ws_is_open(ws));
}

static void do_accept_send(struct ws *ws, const struct http_request *request) {
    do_accept(ws, request);
    send_frame(ws, WS_TEXT, "welcome", 7);
}

static void do_accept_close(struct ws *ws, const struct http_request *request) {
    do_accept(ws, request);
    ws_close(ws, WS_CLOSE_LIMIT, "full");
    assert_false(ws_is_open(ws));
}

static void do_accept_abort(struct ws *ws, const struct http_request *request) {
    do_accept(ws, request);
    ws_abort(ws);
}

static void do_abort(struct ws *ws, const struct http_request *request) {
    (void)request;
    ws_abort(ws);
}

static void do_respond(struct ws *ws, const struct http_request *request) {
    (void)request;
    ws_respond(ws, 200, "text/plain", "X-Test: 1\r\n", "hello", 5);
}

static void do_respond_big(struct ws *ws, const struct http_request *request) {
    (void)request;
    char *body = calloc(1, BIG);
    ws_respond(ws, 200, "text/plain", "", body, BIG);
    free(body);
}

static void do_refuse(struct ws *ws, const struct http_request *request) {
    (void)request;
    ws_refuse(ws, 403, "", "no \"entry\"", "Not for you.");
}

static const struct {
    const char *path;
    void (*react)(struct ws *ws, const struct http_request *request);
} requests[] = {
    {"/ws", do_accept},          {"/send", do_accept_send},
    {"/close", do_accept_close}, {"/accept-abort", do_accept_abort},
    {"/abort", do_abort},        {"/respond", do_respond},
    {"/big", do_respond_big},    {"/refuse", do_refuse},
};

static void on_request(struct ws *ws, const struct http_request *request) {
    struct owner *owner = (struct owner *)(void *)ws;
    assert_int_equal(owner->zero[0] | owner->zero[3], 0);
    assert_false(ws_is_open(ws));
    buf_printf(&bench->told, "request(%.*s) ", (int)request->path.length, request->path.data);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        if (http_text_is(request->path, requests[i].path)) {
            requests[i].react(ws, request);
        }
    }
}

static void do_flood(struct ws *ws) {
    static char big[BIG / 64];
    for (int i = 0; i < 64 && ws_is_open(ws); i++) {
        send_frame(ws, WS_BINARY, big, sizeof big);
    }
}

static void do_fill(struct ws *ws) { // the outbox to its last byte
    static char big[BIG];
    send_frame(ws, WS_BINARY, big, bench->server.outbox_max - ws->conn.outbox.bytes - ws_header_size(BIG));
    buf_printf(&bench->told, "full(%zu) ", bench->server.outbox_max - ws->conn.outbox.bytes);
}

static void on_message(struct ws *ws, enum ws_opcode opcode, const uint8_t *data, size_t length) {
    assert_true(ws_is_open(ws));
    buf_printf(&bench->told, "%s(%.*s) ", opcode == WS_TEXT ? "text" : "binary",
               length > 40 ? 40 : (int)length, (const char *)data);
#define says(text) (length == sizeof text - 1 && memcmp(data, text, length) == 0)
    if (says("close")) {
        ws_close(ws, 4001, "as you wish");
        ws_close(ws, 4002, "the second is nothing");
        send_frame(ws, WS_TEXT, "nobody", 6);
    } else if (says("abort")) {
        ws_abort(ws);
    } else if (says("flood")) {
        do_flood(ws);
    } else if (says("fill")) {
        do_fill(ws);
    } else {
        send_frame(ws, opcode, data, length);
    }
}

static void on_close(struct ws *ws, uint16_t code, const char *reason) {
    assert_false(ws_is_open(ws));
    buf_printf(&bench->told, "close(%d %s) ", code, reason);
    ws_close(ws, 4003, "it is closing already");
    send_frame(ws, WS_TEXT, "nobody", 6);
    if (strcmp(reason, "abort in on_close") == 0) {
        ws_abort(ws);
    }
}

static void on_end(struct ws *ws, bool orderly, size_t unsent) {
    assert_ptr_equal(ws, bench->ws);
    assert_false(bench->ended);
    buf_printf(&bench->told, "end(%s%s)", orderly ? "orderly" : "cut", unsent ? ", unsent" : "");
    bench->ended = true;
    bench->ws = NULL;
}

static const struct ws_handler handler = {sizeof(struct owner), on_request, on_message, on_close, on_end};

// ---- the bench ----

static void bench_open_(struct bench *self, const struct ws_server *with, int buffer) {
    int fds[2];
    bench = self;
    *bench = (struct bench){.loop = loop_new(), .server = *with};
    assert_true(net_init(&bench->net, bench->loop, LONG));
    uint64_t *times[] = {&bench->server.handshake_timeout, &bench->server.ping_interval,
                         &bench->server.pong_timeout, &bench->server.close_timeout};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        *times[i] = *times[i] ? *times[i] : LONG;
    }
    bench->server.outbox_max = with->outbox_max ? with->outbox_max : BIG;
    bench->server.net = &bench->net;
    bench->server.handler = &handler;
    bench->server.http = (struct http_limits){8192, 8192};
    assert_true(ws_server_init(&bench->server, MESSAGE_MAX));
    tcp_pair(fds, buffer);
    bench->peer.fd = fds[1];
    bench->ws = ws_open(&bench->server, fds[0]);
    assert_non_null(bench->ws);
}

// The rest of the arguments: fields of struct ws_server other than the usual.
#define bench_open(self, buffer, ...) \
    bench_open_(self, &(struct ws_server){.ping = NULL, ##__VA_ARGS__}, buffer)

static bool ask(void *self) {
    return ((struct bench *)self)->ask(self);
}

#define run_bench(question_) \
    (bench->ask = (question_), run_until_(bench->loop, ask, bench, #question_, __FILE__, __LINE__))

static bool has_ended(struct bench *self) {
    return self->ended;
}

static bool peer_ended(struct bench *self) {
    return inbox_ended(&self->peer);
}

static bool peer_has(struct bench *self) {
    inbox_read(&self->peer, SIZE_MAX);
    return self->peer.length >= self->wanted;
}

static bool is_told(struct bench *self) {
    buf_append(&self->told, "", 1);
    self->told.length--;
    return strstr(self->told.data, self->expected) != NULL;
}

static void wait_for(const char *told) {
    bench->expected = told;
    run_bench(is_told);
}

static void on_stray(void *context, struct wheel_entry *entry) {
    (void)context;
    (void)entry;
    fail_msg("the wheel still holds a connection that has ended");
}

// Ends what is left, and frees: the sanitizer sees what was forgotten, or looked at too late.
static void bench_close(const char *told) {
    if (!bench->ended) {
        run_bench(has_ended);
    }
    net_flush(&bench->net);
    run_rounds(bench->loop);
    buf_append(&bench->told, "", 1);
    assert_string_equal(bench->told.data, told);
    // Nor does the wheel, however far the deadline was.
    wheel_sweep(&bench->net.wheel, loop_now(bench->loop) + 1000 * FIXTURE_DEADLINE_MS, on_stray, NULL);
    assert_int_equal(bench->net.outbox_bytes, 0);
    ws_server_free(&bench->server);
    net_free(&bench->net);
    loop_free(bench->loop);
    inbox_free(&bench->peer);
    buf_free(&bench->told);
    bench = NULL;
}

// ---- the peer ----

static void peer_send(const void *data, size_t length) {
    assert_int_equal(send(bench->peer.fd, data, length, MSG_NOSIGNAL), length);
}

static void put_request(struct buf *out, const char *method, const char *path, bool upgrade) {
    buf_printf(out, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, path,
               upgrade ? "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       : "");
}

// RFC 6455 section 1.3 has this key and its answer.
static const char accepted[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

// A masked frame; the key is 0, which leaves the payload as it is.
static void put_frame(struct buf *out, enum ws_opcode opcode, const void *data, size_t length) {
    uint8_t head[8] = {(uint8_t)(0x80 | opcode), (uint8_t)(0x80 | length)};
    size_t size = 6;
    if (length > 125) {
        head[1] = 0x80 | 126;
        head[2] = (uint8_t)(length >> 8);
        head[3] = (uint8_t)length;
        size = 8;
    }
    buf_append(out, head, size);
    buf_append(out, data, length);
}

static void put_text(struct buf *out, enum ws_opcode opcode, const char *text) {
    put_frame(out, opcode, text, strlen(text));
}

static void put_close(struct buf *out, int code, const char *reason) {
    char payload[125] = {(char)(code >> 8), (char)code};
    memcpy(payload + 2, reason, strlen(reason));
    put_frame(out, WS_CLOSE, payload, 2 + strlen(reason));
}

static void flush(struct buf *out) {
    peer_send(out->data, out->length);
    buf_free(out);
}

static void send_text(const char *text) {
    struct buf out = {0};
    put_text(&out, WS_TEXT, text);
    flush(&out);
}

static void send_close(int code, const char *reason) {
    struct buf out = {0};
    put_close(&out, code, reason);
    flush(&out);
}

static void request(const char *method, const char *path, bool upgrade) {
    struct buf out = {0};
    put_request(&out, method, path, upgrade);
    flush(&out);
}

// Waits for `length` bytes and takes them out of the inbox.
static void expect_bytes(const void *bytes, size_t length) {
    bench->wanted = length;
    run_bench(peer_has);
    assert_memory_equal(bench->peer.data, bytes, length);
    memmove(bench->peer.data, bench->peer.data + length, bench->peer.length - length);
    bench->peer.length -= length;
}

#define expect(text) expect_bytes(text, sizeof text - 1)

static void expect_fin(void) {
    run_bench(peer_ended);
    assert_int_equal(bench->peer.error, 0);
    assert_int_equal(bench->peer.length, 0);
}

static void expect_reset(void) {
    run_bench(peer_ended);
    assert_int_equal(bench->peer.error, ECONNRESET);
}

static void open_websocket(void) {
    request("GET", "/ws", true);
    expect_bytes(accepted, sizeof accepted - 1);
}

static void peer_fin(void) {
    shutdown(bench->peer.fd, SHUT_WR);
}

static void some_rounds(void) {
    for (int i = 0; i < 20; i++) {
        run_rounds(bench->loop);
    }
}

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
    bench_open(&self, SMALL_BUFFER, .outbox_max = BIG);
    open_websocket();
    put_text(&out, WS_TEXT, "fill"); // all of it in one round: nothing leaves meanwhile
    put_text(&out, WS_PING, "still there?");
    put_text(&out, WS_TEXT, "x"); // one byte of data too much
    flush(&out);
    wait_for("close(4409");
    send_close(4409, "");
    run_bench(peer_ended);
    size_t last = 0;
    assert_int_equal(count_frames(&self.peer, 0x8a, &last), 1);
    assert_int_equal(count_frames(&self.peer, 0x88, &last), 1);
    assert_int_equal((uint8_t)self.peer.data[last], 0x88);
    peer_fin();
    bench_close("request(/ws) text(fill) full(0) text(x) "
                "close(4409 too slow: what is queued for this client is over limits.outbox) unsent unsent "
                "end(orderly)");
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
    bench_close("request(/ws) close(4409 too slow: its pongs do not fit the outbox) unsent end(cut, unsent)");
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
        cmocka_unit_test(ping_and_pong),
        cmocka_unit_test(without_a_pong_it_is_closed),
        cmocka_unit_test(over_its_outbox_it_is_closed),
        cmocka_unit_test(data_does_not_crowd_out_pongs),
        cmocka_unit_test(pongs_have_a_limit_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
