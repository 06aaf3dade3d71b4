// SPDX-License-Identifier: MIT
// One client connection from its first HTTP byte to its close: a request is answered over HTTP, or becomes a
// WebSocket (RFC 6455) whose messages, pings and closing handshake are handled here. What the messages mean
// is the owner's. Belongs to one worker's thread. The owner embeds struct ws as the first member of its own
// struct.
//
//     HTTP ──► on_request ──► ws_respond: answered and closed
//                        └──► ws_accept ──► OPEN ──► on_message* ──► on_close(code) ──► CLOSING ──► on_end
//
// Or on_request calls ws_hold, and one of the two comes later, if ws_is_held still says so then. Meanwhile
// handshake_timeout goes on, after which it is answered 503. A client that goes is seen at once: on_end, and
// nothing is to be answered any more. What it sends before it is answered (which RFC 6455 section 4.1 does
// not allow it) is kept, as much as a request's head may have; with more than that it is refused. After
// ws_accept, and what the owner has to say first, ws_resume delivers it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/conn.h"
#include "net/http.h"
#include "ws/reader.h"
#include "ws/upgrade.h"

struct buf;
struct in6_addr;
struct ws;

// Close codes that RFC 6455 section 7.4.1 defines and the hub sends.
enum ws_close_code {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_UNSUPPORTED = 1003,
    WS_CLOSE_NO_STATUS = 1005,
    WS_CLOSE_ABNORMAL = 1006, // never sent: the connection ended without a close frame
    WS_CLOSE_WRITE_TIMEOUT =
        1, // never sent: and it was us who ended it, because the peer took nothing any more
    WS_CLOSE_INVALID = 1007,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_INTERNAL = 1011,
    WS_CLOSE_TRY_LATER = 1013,
    WS_CLOSE_UNAUTHENTICATED = 4401,
    WS_CLOSE_FORBIDDEN = 4403,
    WS_CLOSE_NO_PONG = 4408,
    WS_CLOSE_SLOW = 4409,
    WS_CLOSE_EXPIRED = 4410,
    WS_CLOSE_LIMIT = 4429,
};

struct ws_handler {
    size_t size; // of the owner's struct, allocated zeroed for each connection
    // After ws_expect_proxy, once: the header said that the connection comes from `source` (IPv4 mapped; all
    // zero: it does not say), or it was wrong: then `source` is NULL and `why` a sentence. False, or a wrong
    // one: the connection is cut.
    bool (*on_proxied)(struct ws *ws, const struct in6_addr *source, const char *why);
    // An HTTP request. To be answered before it returns, by ws_respond or ws_accept, or to be held. Borrowed.
    void (*on_request)(struct ws *ws, const struct http_request *request);
    // A whole message. Text is valid UTF-8. Borrowed.
    void (*on_message)(struct ws *ws, enum ws_opcode opcode, const uint8_t *data, size_t length);
    // Once, for a connection that was accepted: by the peer, by ws_close, or by the network (1006). Nothing
    // can be sent any more.
    void (*on_close)(struct ws *ws, uint16_t code, const char *reason);
    // The socket is gone, for every connection. `orderly`: both sides closed it; `unsent` bytes were still
    // queued.
    void (*on_end)(struct ws *ws, bool orderly, size_t unsent);
    // After ws_tell_below; may be NULL. Within a flush: nothing may be sent, nor closed.
    void (*on_low)(struct ws *ws);
};

// One per worker; shared by its connections.
struct ws_server {
    struct net *net;
    const struct ws_handler *handler;
    struct ws_reader_pool *readers;
    struct frame *ping; // the one ping frame
    struct http_limits http;
    size_t outbox_max; // bytes queued to one connection before it is closed as slow
    uint64_t handshake_timeout, ping_interval, pong_timeout, close_timeout; // ms
};

struct ws {
    struct conn conn; // first: conn.c's callbacks find the ws through it
    struct ws_server *server;
    uint8_t state; // enum in ws.c
    bool awaiting_pong;
    bool without_body; // the request was a HEAD
    bool keeps;        // which of the first two it is
    union {
        struct http_parser *http;   // until the request is there
        struct buf *early;          // what came while it was held
        struct ws_prelude *prelude; // ahead of both, proxied.c's own
    };
    struct ws_reader *reader; // while a message is incomplete
};

// Sets up the shared part; the caller has filled in everything but readers and ping. False: no memory.
bool ws_server_init(struct ws_server *server, size_t message_max);
void ws_server_free(struct ws_server *server);

// Takes a connected socket. NULL: no memory, and fd is closed.
struct ws *ws_open(struct ws_server *server, int fd);

// Right after ws_open: the peer is a proxy that begins with a PROXY protocol header (net/proxy.h), without
// which the connection is cut. False: no memory.
bool ws_expect_proxy(struct ws *ws);

// Answers the request and closes. `headers` are whole lines with CRLF, or "".
void ws_respond(struct ws *ws, int status, const char *content_type, const char *headers, const void *body,
                size_t length);
// Answers with {"error":{"code":...,"message":...}}.
void ws_refuse(struct ws *ws, int status, const char *headers, const char *code, const char *message);
// Answers 101: from here on it is a WebSocket. False: no memory; it is being closed.
bool ws_accept(struct ws *ws, const struct upgrade_answer *answer);

// Within on_request: the answer comes later.
void ws_hold(struct ws *ws);
bool ws_is_held(const struct ws *ws);
// It was answered over HTTP: what is left is for the peer to take it.
bool ws_is_answered(const struct ws *ws);
// After a late ws_accept, once: what has come meanwhile is delivered. It may be closed when this returns.
void ws_resume(struct ws *ws);

// A final frame of the server's with this payload; one reference. NULL: no memory.
struct frame *ws_frame_new(enum ws_opcode opcode, const void *payload, size_t length);

// Queues a data frame. False: the connection is closing now, because its outbox is over the limit (4409) or
// there is no memory (1011).
bool ws_send(struct ws *ws, struct frame *frame);
// Bytes queued to it, and calls on_low, once, when they have become fewer than `bytes` (at least 1).
size_t ws_queued(const struct ws *ws);
void ws_tell_below(struct ws *ws, size_t bytes);
// Starts the closing handshake behind all that is queued: on_close is called, then nothing more is sent or
// delivered. `reason` is at most 123 bytes of UTF-8.
void ws_close(struct ws *ws, uint16_t code, const char *reason);
// Cuts it, whatever is queued. on_close is called with 1006 if it was open.
void ws_abort(struct ws *ws);

bool ws_is_open(const struct ws *ws);
