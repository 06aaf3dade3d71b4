// SPDX-License-Identifier: MIT
// One connection of core/ws over loopback, its peer played by hand. What the owner is told goes into a
// transcript, which bench_close compares. Include in the one .c file of a test program, behind cmocka.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

static inline void send_frame(struct ws *ws, enum ws_opcode opcode, const void *data, size_t length) {
    struct frame *frame = frame_new(ws_header_size(length) + length);
    size_t header = ws_header_write(frame->data, opcode, length);
    memcpy(frame->data + header, data, length);
    buf_puts(&bench->told, ws_send(ws, frame) ? "" : "unsent ");
    frame_unref(frame);
}

static inline void do_accept(struct ws *ws, const struct http_request *request) {
    struct upgrade_answer answer;
    const struct upgrade_settings settings = {.origins = (const char *const[]){"*"}, .origin_count = 1};
    upgrade_check(request, &settings, &answer);
    assert_int_equal(answer.status, 101);
    assert_true(ws_accept(ws, &answer));
    assert_true(ws_is_open(ws));
}

static inline void do_accept_send(struct ws *ws, const struct http_request *request) {
    do_accept(ws, request);
    send_frame(ws, WS_TEXT, "welcome", 7);
}

static inline void do_accept_close(struct ws *ws, const struct http_request *request) {
    do_accept(ws, request);
    ws_close(ws, WS_CLOSE_LIMIT, "full");
    assert_false(ws_is_open(ws));
}

static inline void do_accept_abort(struct ws *ws, const struct http_request *request) {
    do_accept(ws, request);
    ws_abort(ws);
}

static inline void do_abort(struct ws *ws, const struct http_request *request) {
    (void)request;
    ws_abort(ws);
}

static inline void do_respond(struct ws *ws, const struct http_request *request) {
    (void)request;
    ws_respond(ws, 200, "text/plain", "X-Test: 1\r\n", "hello", 5);
}

static inline void do_respond_big(struct ws *ws, const struct http_request *request) {
    (void)request;
    char *body = calloc(1, BIG);
    ws_respond(ws, 200, "text/plain", "", body, BIG);
    free(body);
}

static inline void do_refuse(struct ws *ws, const struct http_request *request) {
    (void)request;
    ws_refuse(ws, 403, "", "no \"entry\"", "Not for you.");
}

static inline void do_hold(struct ws *ws, const struct http_request *request) {
    (void)request;
    ws_hold(ws);
    assert_true(ws_is_held(ws));
}

static inline void do_hold_abort(struct ws *ws, const struct http_request *request) {
    do_hold(ws, request);
    ws_abort(ws);
    assert_false(ws_is_held(ws));
}

static const struct {
    const char *path;
    void (*react)(struct ws *ws, const struct http_request *request);
} requests[] = {
    {"/ws", do_accept},          {"/send", do_accept_send},
    {"/close", do_accept_close}, {"/accept-abort", do_accept_abort},
    {"/abort", do_abort},        {"/respond", do_respond},
    {"/big", do_respond_big},    {"/refuse", do_refuse},
    {"/hold", do_hold},          {"/hold-abort", do_hold_abort},
};

static inline void on_request(struct ws *ws, const struct http_request *request) {
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

static inline void do_flood(struct ws *ws) {
    static char big[BIG / 64];
    for (int i = 0; i < 64 && ws_is_open(ws); i++) {
        send_frame(ws, WS_BINARY, big, sizeof big);
    }
}

static inline void do_fill(struct ws *ws) { // the outbox to its last byte
    static char big[BIG];
    send_frame(ws, WS_BINARY, big, bench->server.outbox_max - ws->conn.outbox.bytes - ws_header_size(BIG));
    buf_printf(&bench->told, "full(%zu) ", bench->server.outbox_max - ws->conn.outbox.bytes);
}

static inline void on_message(struct ws *ws, enum ws_opcode opcode, const uint8_t *data, size_t length) {
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

static inline void on_close(struct ws *ws, uint16_t code, const char *reason) {
    assert_false(ws_is_open(ws));
    buf_printf(&bench->told, "close(%d %s) ", code, reason);
    ws_close(ws, 4003, "it is closing already");
    send_frame(ws, WS_TEXT, "nobody", 6);
    if (strcmp(reason, "abort in on_close") == 0) {
        ws_abort(ws);
    }
}

static inline void on_end(struct ws *ws, bool orderly, size_t unsent) {
    assert_ptr_equal(ws, bench->ws);
    assert_false(bench->ended);
    buf_printf(&bench->told, "end(%s%s)", orderly ? "orderly" : "cut", unsent ? ", unsent" : "");
    bench->ended = true;
    bench->ws = NULL;
}

static const struct ws_handler handler = {
    .size = sizeof(struct owner),
    .on_request = on_request,
    .on_message = on_message,
    .on_close = on_close,
    .on_end = on_end,
};

// ---- the bench ----

static inline void bench_open_(struct bench *self, const struct ws_server *with, int buffer) {
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

static inline bool ask(void *self) {
    return ((struct bench *)self)->ask(self);
}

#define run_bench(question_) \
    (bench->ask = (question_), run_until_(bench->loop, ask, bench, #question_, __FILE__, __LINE__))

static inline bool has_ended(struct bench *self) {
    return self->ended;
}

static inline bool peer_ended(struct bench *self) {
    return inbox_ended(&self->peer);
}

static inline bool peer_has(struct bench *self) {
    inbox_read(&self->peer, SIZE_MAX);
    return self->peer.length >= self->wanted;
}

static inline bool is_told(struct bench *self) {
    buf_append(&self->told, "", 1);
    self->told.length--;
    return strstr(self->told.data, self->expected) != NULL;
}

static inline void wait_for(const char *told) {
    bench->expected = told;
    run_bench(is_told);
}

static inline void on_stray(void *context, struct wheel_entry *entry) {
    (void)context;
    (void)entry;
    fail_msg("the wheel still holds a connection that has ended");
}

// Ends what is left, and frees: the sanitizer sees what was forgotten, or looked at too late.
static inline void bench_close(const char *told) {
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

static inline void peer_send(const void *data, size_t length) {
    assert_int_equal(send(bench->peer.fd, data, length, MSG_NOSIGNAL), length);
}

static inline void put_request(struct buf *out, const char *method, const char *path, bool upgrade) {
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
static inline void put_frame(struct buf *out, enum ws_opcode opcode, const void *data, size_t length) {
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

static inline void put_text(struct buf *out, enum ws_opcode opcode, const char *text) {
    put_frame(out, opcode, text, strlen(text));
}

static inline void put_close(struct buf *out, int code, const char *reason) {
    char payload[125] = {(char)(code >> 8), (char)code};
    memcpy(payload + 2, reason, strlen(reason));
    put_frame(out, WS_CLOSE, payload, 2 + strlen(reason));
}

static inline void flush(struct buf *out) {
    peer_send(out->data, out->length);
    buf_free(out);
}

static inline void send_text(const char *text) {
    struct buf out = {0};
    put_text(&out, WS_TEXT, text);
    flush(&out);
}

static inline void send_close(int code, const char *reason) {
    struct buf out = {0};
    put_close(&out, code, reason);
    flush(&out);
}

static inline void request(const char *method, const char *path, bool upgrade) {
    struct buf out = {0};
    put_request(&out, method, path, upgrade);
    flush(&out);
}

// Waits for `length` bytes and takes them out of the inbox.
static inline void expect_bytes(const void *bytes, size_t length) {
    bench->wanted = length;
    run_bench(peer_has);
    assert_memory_equal(bench->peer.data, bytes, length);
    memmove(bench->peer.data, bench->peer.data + length, bench->peer.length - length);
    bench->peer.length -= length;
}

#define expect(text) expect_bytes(text, sizeof text - 1)

static inline void expect_fin(void) {
    run_bench(peer_ended);
    assert_int_equal(bench->peer.error, 0);
    assert_int_equal(bench->peer.length, 0);
}

static inline void expect_reset(void) {
    run_bench(peer_ended);
    assert_int_equal(bench->peer.error, ECONNRESET);
}

static inline void open_websocket(void) {
    request("GET", "/ws", true);
    expect_bytes(accepted, sizeof accepted - 1);
}

static inline void peer_fin(void) {
    shutdown(bench->peer.fd, SHUT_WR);
}

static inline void some_rounds(void) {
    for (int i = 0; i < 20; i++) {
        run_rounds(bench->loop);
    }
}
