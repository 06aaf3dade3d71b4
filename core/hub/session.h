// SPDX-License-Identifier: MIT
// One client: a WebSocket with its subscriptions and the operations that are under way. Belongs to its
// worker.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/protocol.h"
#include "ws/ws.h"

struct access;
struct address;
struct message;
struct registration;
struct request;
struct session;
struct subscription;
struct worker;

struct session {
    struct ws ws; // first
    struct worker *worker;
    const struct protocol *protocol;
    struct session *previous, *next; // of the worker's
    struct subscription *subscriptions;
    struct request *requests;          // under way at the hub
    struct registration *registration; // NULL: none
    struct session **order; // HTTP: an order of the server API that is under way at the hub knows it
                            // there; NULL: there is none
    struct access *access;  // NULL: there are no auth plugins
    uint32_t subscription_count;
    uint32_t request_bytes;
    uint16_t request_count;  // what one read can hold, and REQUESTS_MAX
    bool was_open : 1;       // it became a WebSocket
    bool admitted : 1;       // its socket has a place in the address table
    bool counted : 1;        // and so has its WebSocket
    bool placed : 1;         // it has a place among the instance's connections
    bool leaving : 1;        // draining: goes once its requests are settled
    bool drained : 1;        // the drain has told it to go
    bool has_own : 1;        // one of its subscriptions is to its user's own channel
    uint32_t allowance;      // operations that it may still make, in thousandths
    uint64_t allowance_time; // loop_now when that was true
    struct in6_addr address; // the peer's; IPv4 mapped; all zero for a UNIX socket
    uint8_t id[16];          // connection_id
};

extern const struct ws_handler session_handler;

// A listener's connection. Takes fd; on a lack of memory it is closed.
void session_accept(struct worker *worker, int fd, const struct address *peer);

// Sends an event. False: the session is closing now.
bool session_send(struct session *session, const struct event *event);
bool session_ok(struct session *session, struct span id, struct span channel);
// `expires_in` ms: its identity; 0: never.
bool session_ok_until(struct session *session, struct span id, uint64_t expires_in);
// An error counts, whether it is for an operation with an id or not.
bool session_error(struct session *session, struct span id, enum error_code code, const char *detail);

// Encodes an event as a WebSocket frame. NULL: no memory.
struct frame *session_encode(struct worker *worker, const struct protocol *protocol,
                             const struct event *event);

// A request for an operation of this session, listed there. `extra` bytes that it will hold count against the
// session beside its own. NULL: no memory.
struct request *request_new(struct session *session, struct span id, size_t extra);
struct span request_id(const struct request *request);
// Takes it off its session's list: it is answered. The session may then be resumed, or leave. NULL session is
// fine.
void request_settle(struct request *request);

// ---- opening, for access.c ----

// Answers 101. False: it is closing.
bool session_open(struct session *session, const struct upgrade_answer *answer);
// Says that it is let in: to the registry, and to the client. It may be closing then.
void session_welcome(struct session *session);
// Refuses the upgrade over HTTP. `headers` are whole lines with CRLF, or "".
void session_refuse(struct session *session, int status, const char *headers, const char *code,
                    const char *message);

// Something that it waited for is settled: it is read from again, or leaves, unless it waits for more.
void session_proceed(struct session *session);

// Draining: says goodbye and closes, once the requests under way are settled.
void session_leave(struct session *session);

enum { SESSION_ID_LENGTH = 32 };
void session_id(const struct session *session, char out[SESSION_ID_LENGTH + 1]);
