// SPDX-License-Identifier: MIT
#include "ws/ws.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "util/buf.h"

enum state { STATE_HTTP, STATE_HELD, STATE_ANSWERED, STATE_OPEN, STATE_CLOSING };

enum {
    CONTROL_ROOM = 4096,     // bytes beyond the outbox limit for pings, pongs and the close frame: data never
                             // crowds them out
    CONTROL_FRAMES_MAX = 32, // pings and pongs that wait at a time
};

static struct ws *ws_of(struct conn *conn) {
    return (struct ws *)(void *)conn; // conn is the first member
}

bool ws_is_open(const struct ws *ws) {
    return ws->state == STATE_OPEN;
}

static uint64_t now(const struct ws *ws) {
    return loop_now(ws->server->net->loop);
}

// ---- HTTP: one request, one answer ----

static void drop_parser(struct ws *ws) {
    http_parser_free(ws->http);
    ws->http = NULL;
}

static struct frame *frame_of(const struct buf *buf) {
    struct frame *frame = buf->failed ? NULL : frame_new(buf->length);
    if (frame) {
        memcpy(frame->data, buf->data, buf->length);
    }
    return frame;
}

// Queues what `buf` holds and frees it. False: no memory.
static bool send_and_free(struct ws *ws, struct buf *buf,
                          bool (*send)(struct conn *conn, struct frame *frame)) {
    struct frame *frame = frame_of(buf);
    bool sent = frame && send(&ws->conn, frame);
    frame_unref(frame);
    buf_free(buf);
    return sent;
}

void ws_respond(struct ws *ws, int status, const char *content_type, const char *headers, const void *body,
                size_t length) {
    struct buf out = {0};
    buf_printf(&out,
               "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
               "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n%s\r\n",
               status, http_reason(status), content_type, length, headers);
    if (!ws->without_body) {
        buf_append(&out, body, length);
    }
    ws->state = STATE_ANSWERED;
    if (!send_and_free(ws, &out, conn_send)) {
        conn_abort(&ws->conn);
        return;
    }
    conn_finish(&ws->conn, ws->server->close_timeout);
}

void ws_refuse(struct ws *ws, int status, const char *headers, const char *code, const char *message) {
    struct buf body = {0};
    buf_puts(&body, "{\"error\":{\"code\":");
    buf_json_string(&body, code, strlen(code));
    buf_puts(&body, ",\"message\":");
    buf_json_string(&body, message, strlen(message));
    buf_puts(&body, "}}\n");
    ws_respond(ws, status, "application/json", headers, body.data, body.failed ? 0 : body.length);
    buf_free(&body);
}

bool ws_accept(struct ws *ws, const struct upgrade_answer *answer) {
    struct buf out = {0};
    assert((ws->state == STATE_HTTP || ws->state == STATE_HELD) && answer->status == 101);
    buf_printf(&out,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\n",
               answer->accept);
    if (answer->subprotocol) {
        buf_printf(&out, "Sec-WebSocket-Protocol: %s\r\n", answer->subprotocol);
    }
    buf_puts(&out, "\r\n");
    ws->state = STATE_OPEN;
    // Pushed to the front, so that no pong to a client that did not wait for it goes ahead of it.
    if (!send_and_free(ws, &out, conn_send_front)) {
        ws_abort(ws);
        return false;
    }
    conn_set_deadline(&ws->conn, now(ws) + ws->server->ping_interval);
    return true;
}

// ---- answered later ----

void ws_hold(struct ws *ws) {
    assert(ws->state == STATE_HTTP);
    ws->state = STATE_HELD;
}

bool ws_is_held(const struct ws *ws) {
    return ws->state == STATE_HELD && !ws->conn.ended;
}

bool ws_is_answered(const struct ws *ws) {
    return ws->state == STATE_ANSWERED && !ws->conn.ended;
}

static void drop_early(struct ws *ws) {
    if (ws->early) {
        buf_free(ws->early);
        free(ws->early);
        ws->early = NULL;
    }
}

// Reading is not paused: only so is it seen when the client goes.
static void keep_early(struct ws *ws, const char *data, size_t length) {
    ws->keeps = true;
    if (length == 0) {
        return;
    }
    if (!ws->early && !(ws->early = calloc(1, sizeof *ws->early))) {
        conn_abort(&ws->conn);
        return;
    }
    if (ws->early->length + length > ws->server->http.head) {
        ws_refuse(ws, 413, "", "too_large", "a client that waits for the answer does not send this much");
        return;
    }
    buf_append(ws->early, data, length);
    if (ws->early->failed) {
        conn_abort(&ws->conn);
    }
}

static void feed_messages(struct ws *ws, char *data, size_t length);

void ws_resume(struct ws *ws) {
    struct buf *early = ws->early;
    assert(ws->keeps);
    ws->early = NULL;
    if (early) {
        if (!ws->conn.ended) {
            feed_messages(ws, early->data, early->length);
        }
        buf_free(early);
        free(early);
    }
}

// ---- requests ----

static const char *code_of_status(int status) {
    static const struct {
        int status;
        const char *code;
    } codes[] = {
        {400, "bad_request"}, {408, "timeout"},  {413, "too_large"},   {414, "too_large"},
        {431, "too_large"},   {500, "internal"}, {501, "unsupported"}, {505, "unsupported"},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].status == status) {
            return codes[i].code;
        }
    }
    return "bad_request";
}

static void feed_http(struct ws *ws, char *data, size_t length) {
    size_t used = 0;
    if (!ws->http) {
        ws->http = http_parser_new(ws->server->http);
        if (!ws->http) {
            conn_abort(&ws->conn);
            return;
        }
    }
    int result = http_feed(ws->http, data, length, &used);
    if (result == HTTP_MORE) {
        return;
    }
    if (result == HTTP_COMPLETE) {
        const struct http_request *request = http_parser_request(ws->http);
        ws->without_body = strcmp(request->method, "HEAD") == 0;
        ws->server->handler->on_request(ws, request);
    } else {
        ws_refuse(ws, result, "", code_of_status(result), http_error(ws->http));
    }
    drop_parser(ws);
    if (ws->state == STATE_HELD) {
        keep_early(ws, data + used, length - used);
    } else if (ws->state == STATE_OPEN && used < length) {
        feed_messages(ws, data + used, length - used); // a client that did not wait for our 101
    }
}

// ---- the WebSocket ----

struct frame *ws_frame_new(enum ws_opcode opcode, const void *payload, size_t length) {
    struct frame *frame = frame_new(ws_header_size(length) + length);
    if (frame) {
        size_t header = ws_header_write(frame->data, opcode, length);
        if (length > 0) {
            memcpy(frame->data + header, payload, length);
        }
    }
    return frame;
}

// True when `length` more bytes are too much for a peer that does not read. What this round has queued is
// written first: a peer is slow when its socket is full, not when much is published to it at once.
static bool is_over(struct ws *ws, size_t length, size_t most) {
    struct conn *conn = &ws->conn;
    if (conn->outbox.bytes + length > most || conn->outbox.ahead >= CONTROL_FRAMES_MAX) {
        conn_flush(conn);
    }
    return conn->outbox.bytes + length > most;
}

// Pongs and pings go ahead of queued data, which a slow client may take long to read.
static void send_control(struct ws *ws, struct frame *frame) {
    if (is_over(ws, frame->length, ws->server->outbox_max + CONTROL_ROOM) ||
        ws->conn.outbox.ahead >= CONTROL_FRAMES_MAX) {
        ws_close(ws, WS_CLOSE_SLOW, "too slow: it does not read the pongs that it asks for");
    } else if (!conn_send_front(&ws->conn, frame)) {
        ws_abort(ws);
    }
}

static void send_pong(struct ws *ws, const uint8_t *data, size_t length) {
    struct frame *frame = ws_frame_new(WS_PONG, data, length);
    if (!frame) {
        ws_abort(ws);
        return;
    }
    send_control(ws, frame);
    frame_unref(frame);
}

bool ws_send(struct ws *ws, struct frame *frame) {
    if (ws->state != STATE_OPEN) {
        return false;
    }
    bool over = is_over(ws, frame->length, ws->server->outbox_max);
    if (ws->state != STATE_OPEN) { // writing found the connection gone
        return false;
    }
    if (over) {
        ws_close(ws, WS_CLOSE_SLOW, "too slow: what is queued for this client is over limits.outbox");
        return false;
    }
    if (!conn_send(&ws->conn, frame)) {
        ws_close(ws, WS_CLOSE_INTERNAL, "out of memory");
        return false;
    }
    return true;
}

size_t ws_queued(const struct ws *ws) {
    return ws->conn.outbox.bytes;
}

void ws_tell_below(struct ws *ws, size_t bytes) {
    conn_tell_below(&ws->conn, bytes);
}

// The state changes first: on_close may try to send, and that must find it closing.
static void begin_close(struct ws *ws, uint16_t code, const char *reason) {
    ws->state = STATE_CLOSING;
    ws->server->handler->on_close(ws, code, reason);
}

static bool send_close_frame(struct ws *ws, uint16_t code, const char *reason) {
    uint8_t bytes[2 + WS_CONTROL_MAX];
    size_t length = ws_close_write(bytes, code == WS_CLOSE_NO_STATUS ? 0 : code, reason);
    struct frame *frame = frame_new(length);
    if (!frame) {
        return false;
    }
    memcpy(frame->data, bytes, length);
    bool sent = conn_send(&ws->conn, frame);
    frame_unref(frame);
    return sent;
}

void ws_close(struct ws *ws, uint16_t code, const char *reason) {
    if (ws->state != STATE_OPEN) {
        return;
    }
    begin_close(ws, code, reason);
    if (!send_close_frame(ws, code, reason)) {
        conn_abort(&ws->conn);
        return;
    }
    // From now on the peer's close frame is all that is waited for, so reading must be on.
    conn_read(&ws->conn, true);
    conn_is_moving(&ws->conn);
    conn_set_deadline(&ws->conn, now(ws) + ws->server->close_timeout);
}

void ws_abort(struct ws *ws) {
    conn_abort(&ws->conn); // on_end tells the owner
}

// The peer's close frame: the answer to ours, or the first one, which is echoed (RFC 6455 section 5.5.1).
static void on_peer_close(struct ws *ws, uint16_t code, const uint8_t *data, size_t length) {
    if (ws->state == STATE_OPEN) {
        char reason[WS_CONTROL_MAX + 1];
        snprintf(reason, sizeof reason, "%.*s", (int)length, (const char *)data);
        begin_close(ws, code, reason);
        if (!send_close_frame(ws, code, "")) {
            conn_abort(&ws->conn);
            return;
        }
    }
    conn_finish(&ws->conn, ws->server->close_timeout);
}

static bool on_control(void *self, enum ws_opcode opcode, uint16_t code, const uint8_t *data, size_t length) {
    struct ws *ws = self;
    if (opcode == WS_CLOSE) {
        on_peer_close(ws, code, data, length);
        return false;
    }
    if (opcode == WS_PING && ws->state == STATE_OPEN) {
        send_pong(ws, data, length);
    }
    return !ws->conn.ended;
}

static bool on_message(void *self, enum ws_opcode opcode, const uint8_t *data, size_t length) {
    struct ws *ws = self;
    if (ws->state == STATE_OPEN) {
        ws->server->handler->on_message(ws, opcode, data, length);
    }
    return !ws->conn.ended;
}

static void feed_messages(struct ws *ws, char *data, size_t length) {
    static const struct ws_reader_handler handler = {on_message, on_control};
    const char *why = NULL;
    if (ws->awaiting_pong && ws->state == STATE_OPEN) { // it lives, whatever it sent
        ws->awaiting_pong = false;
        conn_set_deadline(&ws->conn, now(ws) + ws->server->ping_interval);
    }
    int code = ws_reader_feed(ws->server->readers, &ws->reader, (uint8_t *)data, length, &handler, ws, &why);
    if (code != 0) {
        ws_close(ws, (uint16_t)code, why);
        // Its bytes make no sense any more, so its close frame is not waited for (RFC 6455 section 7.1.7).
        conn_finish(&ws->conn, ws->server->close_timeout);
    }
}

// ---- conn's callbacks ----

static void on_data(struct conn *conn, char *data, size_t length) {
    struct ws *ws = ws_of(conn);
    if (ws->state == STATE_HTTP) {
        feed_http(ws, data, length);
    } else if (ws->state == STATE_HELD) {
        keep_early(ws, data, length);
    } else if (ws->state != STATE_ANSWERED) {
        assert(!ws->keeps || !ws->early); // else ws_resume was forgotten, and this would be out of order
        feed_messages(ws, data, length);
    }
}

static void on_deadline(struct conn *conn) {
    struct ws *ws = ws_of(conn);
    switch ((enum state)ws->state) {
    case STATE_HTTP:
        ws_refuse(ws, 408, "", "timeout", "the request did not arrive in time");
        break;
    case STATE_HELD:
        ws_refuse(ws, 503, "Retry-After: 1\r\n", "timeout", "the request could not be answered in time");
        break;
    case STATE_OPEN:
        if (ws->awaiting_pong && !conn->reading) { // its pong may lie unread: that is no fault of the peer
            conn_set_deadline(conn, now(ws) + ws->server->pong_timeout);
            break;
        }
        if (ws->awaiting_pong) {
            ws_close(ws, WS_CLOSE_NO_PONG, "no pong");
            break;
        }
        ws->awaiting_pong = true;
        conn_set_deadline(conn, now(ws) + ws->server->pong_timeout);
        send_control(ws, ws->server->ping);
        break;
    case STATE_CLOSING:
        if (conn_is_moving(conn)) { // the close frame is on its way behind other data
            conn_set_deadline(conn, now(ws) + ws->server->close_timeout);
        } else {
            conn_abort(conn); // the peer never answered it
        }
        break;
    case STATE_ANSWERED: // conn_finish keeps a deadline of its own
        break;
    }
}

static const char *const end_reasons[] = {
    [CONN_END_PEER] = "closed by the peer without a close frame",
    [CONN_END_ERROR] = "connection lost",
    [CONN_END_WRITE] = "nothing could be written in time",
    [CONN_END_ABORTED] = "cut",
};

static void on_end(struct conn *conn, enum conn_end reason) {
    struct ws *ws = ws_of(conn);
    if (ws->state == STATE_OPEN) {
        begin_close(ws, reason == CONN_END_WRITE ? WS_CLOSE_WRITE_TIMEOUT : WS_CLOSE_ABNORMAL,
                    end_reasons[reason]);
    }
    ws->server->handler->on_end(ws, reason == CONN_END_PEER, conn->outbox.bytes);
}

static void on_free(struct conn *conn) {
    struct ws *ws = ws_of(conn);
    // Not in on_end: that may be called from within a feed of either.
    if (ws->keeps) {
        drop_early(ws);
    } else {
        drop_parser(ws);
    }
    ws_reader_drop(ws->server->readers, &ws->reader);
    free(ws);
}

static void on_low(struct conn *conn) {
    struct ws *ws = ws_of(conn);
    ws->server->handler->on_low(ws);
}

static const struct conn_handler conn_handler = {on_data, on_deadline, on_end, on_free, on_low};

struct ws *ws_open(struct ws_server *server, int fd) {
    struct ws *ws = calloc(1, server->handler->size);
    if (!ws) {
        close(fd);
        return NULL;
    }
    ws->server = server;
    if (conn_open(&ws->conn, server->net, fd, &conn_handler) != 0) {
        close(fd);
        free(ws);
        return NULL;
    }
    conn_set_deadline(&ws->conn, now(ws) + server->handshake_timeout);
    return ws;
}

bool ws_server_init(struct ws_server *server, size_t message_max) {
    server->readers = ws_reader_pool_new(message_max);
    server->ping = ws_frame_new(WS_PING, NULL, 0);
    if (!server->readers || !server->ping) {
        ws_server_free(server);
        return false;
    }
    return true;
}

void ws_server_free(struct ws_server *server) {
    if (server->readers) {
        ws_reader_pool_free(server->readers);
    }
    frame_unref(server->ping);
    server->readers = NULL;
    server->ping = NULL;
}
