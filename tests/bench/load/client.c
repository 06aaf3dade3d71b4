// SPDX-License-Identifier: MIT
#include "load/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/clock.h"

enum { SCRATCH = 256 * 1024, EVENTS = 256, SECONDS_TO_CONNECT = 5 };

int client_fail(struct client *client, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(client->error, sizeof client->error, format, arguments);
    va_end(arguments);
    return -1;
}

int client_check_deadline(struct client *client, const char *what) {
    if (clock_now_ns() < client->deadline_ns)
        return 0;
    return client_fail(client, "the deadline of the run has passed while waiting for %s", what);
}

int client_open(struct client *client, uint16_t port, const char *path, unsigned deadline_s) {
    *client = (struct client){.port = port, .path = path};
    client->deadline_ns = clock_now_ns() + deadline_s * UINT64_C(1000000000);
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    client->conns = calloc(CLIENT_CONNECTIONS_MAX, sizeof *client->conns);
    client->scratch = malloc(SCRATCH + WIRE_PAYLOAD_MAX + WIRE_HEADER_MAX);
    if (client->epoll < 0 || !client->conns || !client->scratch)
        return client_fail(client, "epoll or memory: %s", strerror(errno));
    return 0;
}

void client_close(struct client *client) {
    for (uint32_t i = 0; i < client->count; i++) {
        close(client->conns[i].fd);
        wire_rest_drop(&client->conns[i].rest);
    }
    if (client->epoll >= 0)
        close(client->epoll);
    free(client->conns);
    free(client->scratch);
}

// What a connection waits for, for error messages.
static const char *waits_for(const struct conn *conn) {
    static const char *const names[] = {
        [CONN_UNUSED] = "nothing",
        [CONN_UPGRADING] = "the answer to its upgrade",
        [CONN_WELCOMED_NEXT] = "the welcome",
        [CONN_SUBSCRIBING] = "the ok to its subscribe",
        [CONN_READY] = "messages",
    };
    return names[conn->state];
}

static uint32_t index_of(const struct client *client, const struct conn *conn) {
    return (uint32_t)(conn - client->conns);
}

int client_send(struct client *client, const struct conn *conn, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent = send(conn->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return client_fail(client, "connection %u: send: %s", index_of(client, conn), strerror(errno));
        if (sent < 0) { // the server reads slower than we publish: wait for it, within the deadline
            struct pollfd writable = {.fd = conn->fd, .events = POLLOUT};
            if (client_check_deadline(client, "room in a socket buffer to publish") < 0)
                return -1;
            poll(&writable, 1, 100);
            continue;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return 0;
}

static int send_text(struct client *client, const struct conn *conn, int opcode, const char *text,
                     size_t length) {
    char frame[256 + WIRE_HEADER_MAX];
    if (length > 256)
        return client_fail(client, "a frame of %zu bytes is longer than this client sends", length);
    return client_send(client, conn, frame, wire_client_frame(frame, opcode, text, length));
}

static int conn_failed(struct client *client, int fd, const char *step) {
    int error = errno;
    if (fd >= 0)
        close(fd);
    return client_fail(client, "connection %u: %s: %s", client->count, step, strerror(error));
}

// Blocking connect: on loopback it ends with the kernel's handshake and does not wait for the server's
// accept().
static int open_one(struct client *client, enum client_channels channels) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(client->port)};
    struct timeval limit = {.tv_sec = SECONDS_TO_CONNECT};
    // Closing with a reset leaves no TIME_WAIT, which would eat the ports of the next run.
    struct linger reset = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return conn_failed(client, fd, "socket");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return conn_failed(client, fd, "connect");
    struct conn *conn = &client->conns[client->count];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (epoll_ctl(client->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return conn_failed(client, fd, "epoll_ctl");
    *conn = (struct conn){.fd = fd, .state = CONN_UPGRADING, .subscribes = channels != CLIENT_NO_CHANNEL};
    conn->channel = channels == CLIENT_OWN_CHANNEL ? client->count + 1 : 0;
    client->count++;
    char request[512];
    int length =
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: " WIRE_KEY "\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Protocol: wshub.json.v1\r\n\r\n",
                 client->path, (unsigned)client->port);
    return client_send(client, conn, request, (size_t)length);
}

static int client_wait_ready(struct client *client, uint32_t ready) {
    while (client->ready < ready) {
        if (client_turn(client, 100) < 0)
            return -1;
        if (clock_now_ns() < client->deadline_ns)
            continue;
        uint32_t i = 0;
        while (i < client->count && client->conns[i].state == CONN_READY)
            i++;
        return client_fail(client,
                           "%u of %u connections are ready at the deadline; connection %u waits for %s",
                           client->ready, client->count, i, waits_for(&client->conns[i]));
    }
    return 0;
}

int client_connect(struct client *client, uint32_t count, enum client_channels channels, uint32_t in_flight) {
    if (client->count + count > CLIENT_CONNECTIONS_MAX)
        return client_fail(client, "%u connections are over this machine's limit of %d in one process",
                           client->count + count, CLIENT_CONNECTIONS_MAX);
    uint32_t target = client->count + count;
    while (client->count < target) {
        if (open_one(client, channels) < 0)
            return -1;
        uint32_t must_be_ready = client->count > in_flight ? client->count - in_flight + 1 : 0;
        if (client_wait_ready(client, must_be_ready) < 0)
            return -1;
    }
    return client_wait_ready(client, target);
}

static int became_ready(struct client *client, struct conn *conn) {
    conn->state = CONN_READY;
    client->ready++;
    return 0;
}

static int on_upgraded(struct client *client, struct conn *conn, const char *head, size_t length) {
    static const char status[] = "HTTP/1.1 101 ";
    if (length < sizeof status || memcmp(head, status, sizeof status - 1) != 0)
        return client_fail(client, "connection %u: the upgrade was answered: %.*s", index_of(client, conn),
                           (int)(length < 200 ? length : 200), head);
    if (!memmem(head, length, WIRE_ACCEPT, sizeof WIRE_ACCEPT - 1))
        return client_fail(client, "connection %u: Sec-WebSocket-Accept is not " WIRE_ACCEPT,
                           index_of(client, conn));
    conn->state = CONN_WELCOMED_NEXT;
    return 0;
}

static int on_welcome(struct client *client, struct conn *conn) {
    if (conn->state != CONN_WELCOMED_NEXT)
        return client_fail(client, "connection %u: a second welcome", index_of(client, conn));
    if (!conn->subscribes)
        return became_ready(client, conn);
    char subscribe[96];
    int length = snprintf(subscribe, sizeof subscribe,
                          "{\"op\":\"subscribe\",\"id\":1,\"channel\":\"bench:%u\"}", conn->channel);
    conn->state = CONN_SUBSCRIBING;
    return send_text(client, conn, WIRE_TEXT, subscribe, (size_t)length);
}

static int on_ok(struct client *client, struct conn *conn) {
    if (conn->state == CONN_SUBSCRIBING)
        return became_ready(client, conn);
    client->acks++;
    return 0;
}

static int on_text(struct client *client, struct conn *conn, const char *text, size_t length) {
    static const char start[] = "{\"op\":\"";
    enum { AT = sizeof start - 1 };
    if (length > AT && memcmp(text, start, AT) == 0)
        switch (text[AT]) { // cheap on purpose: this client must outrun the server
        case 'm':
            conn->received++;
            client->deliveries++;
            return client->on_message ? client->on_message(client, conn, text, length) : 0;
        case 'o':
            return on_ok(client, conn);
        case 'w':
            return on_welcome(client, conn);
        case 'g':
            client->gaps++;
            if (client->expects_gaps)
                return 0;
            break;
        default:
            break;
        }
    return client_fail(client, "connection %u waits for %s and got: %.*s", index_of(client, conn),
                       waits_for(conn), (int)(length < 200 ? length : 200), text);
}

static int on_close(struct client *client, struct conn *conn, const struct wire_frame *frame) {
    const unsigned char *code = (const unsigned char *)frame->payload;
    if (frame->length < 2)
        return client_fail(client, "connection %u was closed by the server without a code",
                           index_of(client, conn));
    return client_fail(client, "connection %u waits for %s and was closed by the server: %u %.*s",
                       index_of(client, conn), waits_for(conn), (unsigned)(code[0] << 8 | code[1]),
                       (int)(frame->length - 2), frame->payload + 2);
}

static int on_frame(struct client *client, struct conn *conn, const struct wire_frame *frame) {
    switch (frame->opcode) {
    case WIRE_TEXT:
        return on_text(client, conn, frame->payload, frame->length);
    case WIRE_PING:
        return send_text(client, conn, WIRE_PONG, frame->payload, frame->length);
    case WIRE_CLOSE:
        return on_close(client, conn, frame);
    default:
        return client_fail(client, "connection %u: a frame with opcode %d", index_of(client, conn),
                           frame->opcode);
    }
}

// Consumes the whole frames in [at, end) and keeps the rest for the next read.
static int on_bytes(struct client *client, struct conn *conn, char *at, char *end) {
    if (conn->state == CONN_UPGRADING) {
        char *body = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
        if (body && on_upgraded(client, conn, at, (size_t)(body - at)) < 0)
            return -1;
        if (!body)
            return wire_rest_keep(&conn->rest, at, (size_t)(end - at));
        at = body + 4;
    }
    struct wire_frame frame;
    int got;
    while ((got = wire_parse(at, (size_t)(end - at), &frame)) == 1) {
        if (on_frame(client, conn, &frame) < 0)
            return -1;
        at += frame.total;
    }
    if (got < 0)
        return client_fail(client, "connection %u: the server sent a frame of an unexpected kind: %02x %02x",
                           index_of(client, conn), (unsigned char)at[0], (unsigned char)at[1]);
    if (wire_rest_keep(&conn->rest, at, (size_t)(end - at)) < 0)
        return client_fail(client, "memory is short");
    return 0;
}

static int on_readable(struct client *client, struct conn *conn) {
    ssize_t got = recv(conn->fd, client->scratch + conn->rest.length, SCRATCH, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= 0)
        return client_fail(client, "connection %u waits for %s and was cut: %s", index_of(client, conn),
                           waits_for(conn), got == 0 ? "end of file" : strerror(errno));
    size_t kept = wire_rest_take(&conn->rest, client->scratch);
    return on_bytes(client, conn, client->scratch, client->scratch + kept + (size_t)got);
}

int client_turn(struct client *client, int wait_ms) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(client->epoll, events, EVENTS, wait_ms);
    if (count < 0)
        return errno == EINTR ? 0 : client_fail(client, "epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++)
        if (on_readable(client, events[i].data.ptr) < 0)
            return -1;
    return count;
}

int client_idle(struct client *client, unsigned ms) {
    uint64_t until = clock_now_ns() + ms * UINT64_C(1000000);
    while (clock_now_ns() < until)
        if (client_turn(client, 10) < 0)
            return -1;
    return 0;
}
