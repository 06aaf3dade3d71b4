// SPDX-License-Identifier: MIT
#include "hub/session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/routes.h"
#include "auth/identity.h"
#include "config/config.h"
#include "hub/access.h"
#include "hub/addresses.h"
#include "hub/mails.h"
#include "hub/orders.h"
#include "hub/worker_priv.h"
#include "loop/loop.h"
#include "net/address.h"
#include "util/log.h"
#include "util/random.h"

enum {
    // A client that sends faster than the hub settles is not read from until it has caught up.
    REQUESTS_MAX = 256,
    REQUEST_BYTES_MAX = 1024 * 1024,
};

static struct session *session_of(struct ws *ws) {
    return (struct session *)(void *)ws; // ws is the first member
}

void session_id(const struct session *session, char out[SESSION_ID_LENGTH + 1]) {
    random_id_format(session->id, out);
}

// ---- sending ----

struct frame *session_encode(struct worker *worker, const struct protocol *protocol,
                             const struct event *event) {
    buf_clear(&worker->scratch);
    protocol->encode(&worker->scratch, event);
    return worker->scratch.failed ? NULL
                                  : ws_frame_new(WS_TEXT, worker->scratch.data, worker->scratch.length);
}

bool session_send(struct session *session, const struct event *event) {
    struct frame *frame = session_encode(session->worker, session->protocol, event);
    if (!frame) {
        ws_close(&session->ws, WS_CLOSE_INTERNAL, "out of memory");
        return false;
    }
    bool sent = ws_send(&session->ws, frame);
    frame_unref(frame);
    return sent;
}

bool session_ok(struct session *session, struct span id, struct span channel) {
    return id.length == 0 ||
           session_send(session, &(struct event){.kind = EVENT_OK, .id = id, .channel = channel});
}

bool session_ok_until(struct session *session, struct span id, uint64_t expires_in) {
    return id.length == 0 ||
           session_send(session, &(struct event){.kind = EVENT_OK, .id = id, .expires_in = expires_in});
}

bool session_error(struct session *session, struct span id, enum error_code code, const char *detail) {
    counter_add(&session->worker->stats.errors[code], 1);
    return session_send(session,
                        &(struct event){.kind = EVENT_ERROR, .id = id, .error = code, .detail = detail});
}

// ---- requests ----

struct request *request_new(struct session *session, struct span id, size_t extra) {
    struct request *request = calloc(1, sizeof *request + id.length);
    if (!request) {
        return NULL;
    }
    request->worker = session->worker->index;
    request->size = (uint32_t)(sizeof *request + id.length + extra);
    request->id_length = (uint16_t)id.length;
    if (id.length > 0) {
        memcpy(request->id, id.data, id.length);
    }
    request->session = session;
    request->next = session->requests;
    if (session->requests) {
        session->requests->previous = request;
    }
    session->requests = request;
    session->request_count++;
    session->request_bytes += request->size;
    return request;
}

struct span request_id(const struct request *request) {
    return (struct span){request->id, request->id_length};
}

static void unlink_request(struct request *request) {
    struct session *session = request->session;
    *(request->previous ? &request->previous->next : &session->requests) = request->next;
    if (request->next) {
        request->next->previous = request->previous;
    }
    session->request_count--;
    session->request_bytes -= request->size;
    request->session = NULL;
}

void request_settle(struct request *request) {
    struct session *session = request->session;
    if (!session) {
        return;
    }
    unlink_request(request);
    session_proceed(session);
}

void session_proceed(struct session *session) {
    if (!ws_is_open(&session->ws) || access_is_behind(session)) {
        return;
    }
    if (session->leaving && session->request_count == 0) {
        session_leave(session);
    } else if (!session->leaving && session->request_count <= REQUESTS_MAX / 2 &&
               session->request_bytes <= REQUEST_BYTES_MAX / 2) {
        conn_read(&session->ws.conn, true);
    }
}

// ---- the WebSocket's callbacks ----

static void on_message(struct ws *ws, enum ws_opcode opcode, const uint8_t *data, size_t length) {
    struct session *session = session_of(ws);
    counter_add(&session->worker->stats.messages_received, 1);
    if (opcode == WS_BINARY) {
        ws_close(ws, WS_CLOSE_UNSUPPORTED, "this protocol is text");
        return;
    }
    session->protocol->decode(session->worker->json, (const char *)data, length, operations_handle, session);
    if (session->request_count > REQUESTS_MAX || session->request_bytes > REQUEST_BYTES_MAX ||
        access_is_behind(session)) {
        conn_read(&session->ws.conn, false);
    }
}

static enum close_reason reason_of(const struct session *session, uint16_t code) {
    static const struct {
        uint16_t code;
        enum close_reason reason;
    } reasons[] = {
        {WS_CLOSE_NORMAL, CLOSED_NORMAL},
        {WS_CLOSE_NO_STATUS, CLOSED_NORMAL},
        {WS_CLOSE_GOING_AWAY, CLOSED_GOING_AWAY},
        {WS_CLOSE_PROTOCOL, CLOSED_PROTOCOL},
        {WS_CLOSE_UNSUPPORTED, CLOSED_UNSUPPORTED},
        {WS_CLOSE_INVALID, CLOSED_INVALID},
        {WS_CLOSE_TOO_BIG, CLOSED_TOO_BIG},
        {WS_CLOSE_ABNORMAL, CLOSED_ABNORMAL},
        {WS_CLOSE_NO_PONG, CLOSED_NO_PONG},
        {WS_CLOSE_SLOW, CLOSED_SLOW},
        {WS_CLOSE_WRITE_TIMEOUT, CLOSED_WRITE_TIMEOUT},
        {WS_CLOSE_LIMIT, CLOSED_LIMIT},
        {WS_CLOSE_UNAUTHENTICATED, CLOSED_UNAUTHENTICATED},
        {WS_CLOSE_FORBIDDEN, CLOSED_FORBIDDEN},
        {WS_CLOSE_EXPIRED, CLOSED_TOKEN_EXPIRED},
        {WS_CLOSE_TRY_LATER, CLOSED_UNAVAILABLE},
        {WS_CLOSE_INTERNAL, CLOSED_INTERNAL},
    };
    if (session->drained) {
        return CLOSED_DRAIN;
    }
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].code == code) {
            return reasons[i].reason;
        }
    }
    return CLOSED_OTHER;
}

// False: no memory.
static bool enter_registry(struct session *session) {
    struct worker *worker = session->worker;
    if (!worker->instance->registers) {
        return true;
    }
    struct span user = identity_user(access_identity(session));
    struct registration *registration = calloc(1, sizeof *registration + user.length);
    if (!registration) {
        return false;
    }
    registration->enter.kind = MAIL_REGISTER;
    registration->leave.kind = MAIL_UNREGISTER;
    memcpy(registration->id, session->id, sizeof registration->id);
    memcpy(registration->user, user.data, user.length);
    registration->user_length = (uint8_t)user.length;
    registration->address = session->address;
    registration->since = time(NULL);
    session->registration = registration;
    worker_tell_hub(worker, &registration->enter);
    return true;
}

static void leave_registry(struct session *session) {
    if (session->registration) {
        worker_tell_hub(session->worker, &session->registration->leave);
        session->registration = NULL; // the hub's now
    }
}

static void give_up_places(struct session *session) {
    struct instance *instance = session->worker->instance;
    if (session->placed) {
        atomic_fetch_sub(&instance->connections, 1);
        session->placed = false;
    }
    if (session->counted) {
        addresses_release(instance->addresses, &session->address, ADDRESS_WEBSOCKET);
        session->counted = false;
    }
}

static void on_close(struct ws *ws, uint16_t code, const char *reason) {
    struct session *session = session_of(ws);
    struct worker *worker = session->worker;
    char id[SESSION_ID_LENGTH + 1];
    access_end(session);
    subscriptions_remove_all(session);
    direct_end(session);
    leave_registry(session);
    while (session->requests) {
        unlink_request(session->requests);
    }
    counter_add(&worker->stats.closes[reason_of(session, code)], 1);
    counter_add(&worker->stats.connections, -1);
    give_up_places(session);
    session_id(session, id);
    log_debug(worker->instance->log, "connection closed", log_text("connection", id),
              log_number("code", code), log_text("reason", reason));
}

static void on_end(struct ws *ws, bool orderly, size_t unsent) {
    struct session *session = session_of(ws);
    struct worker *worker = session->worker;
    orders_forget(session);
    access_end(session); // unless it was open
    give_up_places(session);
    *(session->previous ? &session->previous->next : &worker->sessions) = session->next;
    if (session->next) {
        session->next->previous = session->previous;
    }
    if (session->admitted) {
        addresses_release(worker->instance->addresses, &session->address, ADDRESS_SOCKET);
    }
    leaving_ended(session, orderly, unsent);
}

// ---- opening ----

void session_welcome(struct session *session) {
    struct instance *instance = session->worker->instance;
    char id[SESSION_ID_LENGTH + 1];
    if (!enter_registry(session) || !direct_begin(session)) {
        ws_close(&session->ws, WS_CLOSE_INTERNAL, "out of memory");
        return;
    }
    session_id(session, id);
    session_send(session, &(struct event){
                              .kind = EVENT_WELCOME,
                              .connection = id,
                              .instance = instance->id,
                              .milliseconds = (uint32_t)instance->config->timeouts.ping,
                              .user = identity_user(access_identity(session)),
                              .expires_in = access_expires_in(session),
                          });
    log_debug(instance->log, "connection opened", log_text("connection", id),
              log_text("protocol", session->protocol->subprotocol));
}

// Takes a place among the instance's connections. False: there is none.
static bool take_place(struct session *session) {
    struct instance *instance = session->worker->instance;
    session->placed = atomic_fetch_add(&instance->connections, 1) < instance->connection_limit;
    if (!session->placed) {
        atomic_fetch_sub(&instance->connections, 1);
    }
    return session->placed;
}

// And one among its address's.
static bool take_address(struct session *session) {
    struct instance *instance = session->worker->instance;
    session->counted =
        session->admitted && addresses_take(instance->addresses, &session->address, ADDRESS_WEBSOCKET);
    return session->counted || !session->admitted;
}

bool session_open(struct session *session, const struct upgrade_answer *answer) {
    struct worker *worker = session->worker;
    session->was_open = true;
    worker->live++;
    counter_add(&worker->stats.connections, 1);
    session->allowance = (uint32_t)worker->instance->config->limits.operations_per_second * 1000;
    session->allowance_time = loop_now(worker->loop);
    return ws_accept(&session->ws, answer);
}

void session_refuse(struct session *session, int status, const char *headers, const char *code,
                    const char *message) {
    counter_add(&session->worker->stats.refused, 1);
    give_up_places(session);
    ws_refuse(&session->ws, status, headers, code, message);
}

static void begin(struct session *session, const struct http_request *request,
                  const struct upgrade_answer *answer) {
    random_bytes(session->id, sizeof session->id);
    if (!take_address(session)) {
        if (session_open(session, answer)) {
            ws_close(&session->ws, WS_CLOSE_LIMIT, "too many connections from this address");
        }
    } else if (session->worker->instance->config->auth.mode == CONFIG_AUTH_PLUGINS) {
        access_connect(session, request, answer);
    } else if (session_open(session, answer)) {
        session_welcome(session);
    }
}

static void upgrade(struct session *session, const struct http_request *request) {
    struct instance *instance = session->worker->instance;
    struct upgrade_answer answer;
    const struct upgrade_settings settings = {
        .origins = (const char *const *)instance->config->origins.items,
        .origin_count = instance->config->origins.count,
        .same_host_is_local = instance->config->auth.mode == CONFIG_AUTH_UNSAID,
        .subprotocols = &session->protocol->subprotocol,
        .subprotocol_count = 1,
        .token_prefix = instance->config->credentials.subprotocol,
    };
    upgrade_check(request, &settings, &answer); // the origin, too: before anything that proves who it is
    if (answer.status == 426) {
        session_refuse(session, 426, "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n", answer.code,
                       answer.message);
    } else if (answer.status != 101) {
        session_refuse(session, answer.status, answer.status == 405 ? "Allow: GET\r\n" : "", answer.code,
                       answer.message);
    } else if (session->worker->drain.active) {
        session_refuse(session, 503, "Retry-After: 1\r\n", "draining", "this instance is shutting down");
    } else if (!peers_forwarded(session, request)) {
        session_refuse(session, 503, "Retry-After: 1\r\n", "limit", "too many connections from this address");
    } else if (!take_place(session)) {
        session_refuse(session, 503, "Retry-After: 1\r\n", "limit",
                       "this instance has as many connections as it takes");
    } else {
        begin(session, request, &answer);
    }
}

static void on_request(struct ws *ws, const struct http_request *request) {
    struct session *session = session_of(ws);
    for (int i = 0; i < PROTOCOL_COUNT; i++) {
        if (http_text_is(request->path, protocols[i].path)) {
            session->protocol = &protocols[i];
            upgrade(session, request);
            return;
        }
    }
    routes_handle(session->worker->instance, ws, request);
}

static void on_low(struct ws *ws) {
    catchup_proceed(session_of(ws));
}

const struct ws_handler session_handler = {
    .size = sizeof(struct session),
    .on_proxied = peers_proxied,
    .on_request = on_request,
    .on_message = on_message,
    .on_close = on_close,
    .on_end = on_end,
    .on_low = on_low,
};

void session_accept(struct worker *worker, int fd, const struct address *peer) {
    bool admitted = false;
    struct in6_addr ip = address_ip(peer);
    counter_add(&worker->stats.accepted, 1);
    if (!peers_admit(worker->instance, &ip, &admitted)) {
        counter_add(&worker->stats.refused, 1);
        close(fd);
        return;
    }
    struct session *session = (struct session *)(void *)ws_open(&worker->server, fd);
    if (!session) {
        if (admitted) {
            addresses_release(worker->instance->addresses, &ip, ADDRESS_SOCKET);
        }
        return;
    }
    session->worker = worker;
    session->address = ip;
    session->admitted = admitted;
    session->next = worker->sessions;
    if (worker->sessions) {
        worker->sessions->previous = session;
    }
    worker->sessions = session;
    if (peers_say_first(worker->instance, &ip) && !ws_expect_proxy(&session->ws)) {
        ws_abort(&session->ws);
    }
}

// ---- leaving ----

void session_leave(struct session *session) {
    session->leaving = true;
    if (session->request_count > 0 || access_is_busy(session)) {
        conn_read(&session->ws.conn, false); // what it asked is answered first, and it asks no more
        return;
    }
    session->drained = true;
    session_send(session, &(struct event){
                              .kind = EVENT_CLOSING,
                              .word = "drain",
                              .may_return = true,
                              .milliseconds = leaving_return_after(session->worker),
                          });
    ws_close(&session->ws, WS_CLOSE_GOING_AWAY, "drain");
}
