// SPDX-License-Identifier: MIT
#include "storm/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/clock.h"

enum { SCRATCH = 256 * 1024, EVENTS = 256, HEAD_MAX = 4096 };

int peers_open(struct peers *peers) {
    *peers = (struct peers){.epoll = epoll_create1(EPOLL_CLOEXEC), .now_ns = clock_now_ns()};
    peers->scratch = malloc(SCRATCH + WIRE_PAYLOAD_MAX + WIRE_HEADER_MAX);
    return peers->epoll < 0 || !peers->scratch ? -1 : 0;
}

void peers_close(struct peers *peers) {
    if (peers->epoll >= 0)
        close(peers->epoll);
    free(peers->scratch);
}

// ---- open and gone ----

void peer_cut(struct peer *peer) {
    if (peer->state == PEER_CLOSED)
        return;
    close(peer->fd);
    wire_rest_drop(&peer->rest);
    free(peer->out);
    peer->out = NULL;
    peer->out_length = peer->out_room = 0;
    peer->state = PEER_CLOSED;
}

void peer_fail(struct peer *peer) {
    unsigned code = peer->close_code;
    if (peer->state == PEER_CLOSED)
        return;
    peer_cut(peer);
    peer->calls->on_gone(peer, code);
}

static void watch(struct peer *peer, int operation) {
    bool reads = !peer->deaf && peer->state != PEER_CONNECTING;
    bool writes = peer->state == PEER_CONNECTING || peer->out_length > 0;
    uint32_t events = (reads ? (uint32_t)EPOLLIN : 0) | (writes ? (uint32_t)EPOLLOUT : 0);
    if (operation == EPOLL_CTL_MOD && events == peer->events)
        return;
    peer->events = events;
    epoll_ctl(peer->peers->epoll, operation, peer->fd,
              &(struct epoll_event){.events = events, .data.ptr = peer});
}

static int socket_make(int receive_buffer) {
    // Closing with a reset leaves no TIME_WAIT, which would eat the ports of a long storm.
    struct linger reset = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (receive_buffer)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    return fd;
}

void peer_open(struct peer *peer, const char *address, uint16_t port, int receive_buffer) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &name.sin_addr);
    peer_cut(peer);
    peer->fd = socket_make(receive_buffer);
    peer->close_code = 0;
    peer->deaf = peer->leaves = false;
    peer->opened_ns = peer->heard_ns = peer->peers->now_ns;
    if (peer->fd < 0)
        return; // it stays closed, and is tried again as one that does not answer
    peer->state = PEER_CONNECTING;
    // Refused at once: epoll says so in the next turn, as it does of one that is refused later.
    (void)connect(peer->fd, (struct sockaddr *)&name, sizeof name);
    watch(peer, EPOLL_CTL_ADD);
}

void peer_deafen(struct peer *peer, bool deaf) {
    peer->deaf = deaf;
    if (peer->state == PEER_CLOSED)
        return;
    peer->heard_ns = peer->peers->now_ns;
    watch(peer, EPOLL_CTL_MOD);
}

// ---- writing ----

static bool queue(struct peer *peer, const char *bytes, size_t length) {
    if (peer->out_length + length > peer->out_room) {
        size_t room = (peer->out_length + length) * 2;
        char *grown = realloc(peer->out, room);
        if (!grown)
            return false;
        peer->out = grown;
        peer->out_room = room;
    }
    memcpy(peer->out + peer->out_length, bytes, length);
    peer->out_length += length;
    watch(peer, EPOLL_CTL_MOD);
    return true;
}

// A broken connection is left to the reading side, which learns of it with all that came before.
static bool send_bytes(struct peer *peer, const char *bytes, size_t length) {
    ssize_t sent = peer->out_length ? 0 : send(peer->fd, bytes, length, MSG_NOSIGNAL);
    if (sent < 0)
        sent = errno == EAGAIN ? 0 : (ssize_t)length;
    return (size_t)sent == length || queue(peer, bytes + sent, length - (size_t)sent);
}

static void flush(struct peer *peer) {
    ssize_t sent = send(peer->fd, peer->out, peer->out_length, MSG_NOSIGNAL);
    if (sent < 0)
        sent = errno == EAGAIN ? 0 : (ssize_t)peer->out_length;
    peer->out_length -= (size_t)sent;
    memmove(peer->out, peer->out + sent, peer->out_length);
    watch(peer, EPOLL_CTL_MOD);
}

static bool send_frame(struct peer *peer, int opcode, const char *payload, size_t length) {
    char frame[WIRE_PAYLOAD_MAX + WIRE_HEADER_MAX];
    if (length > WIRE_PAYLOAD_MAX)
        return false;
    return send_bytes(peer, frame, wire_client_frame(frame, opcode, payload, length));
}

bool peer_send(struct peer *peer, const char *text, size_t length) {
    return peer->state == PEER_OPEN && send_frame(peer, WIRE_TEXT, text, length);
}

void peer_leave(struct peer *peer) {
    static const char normal[] = {1000 >> 8, (char)(1000 & 0xff)};
    if (peer->state != PEER_OPEN) {
        peer_cut(peer);
        return;
    }
    peer->leaves = send_frame(peer, WIRE_CLOSE, normal, sizeof normal);
}

// ---- reading ----

static void connected(struct peer *peer) {
    static const char request[] =
        "GET /ws HTTP/1.1\r\nHost: storm\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: " WIRE_KEY "\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: wshub.json.v1\r\n\r\n";
    int error = 0;
    getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    if (error) {
        peer_fail(peer);
        return;
    }
    peer->state = PEER_UPGRADING;
    send_bytes(peer, request, sizeof request - 1);
    watch(peer, EPOLL_CTL_MOD);
}

// Behind the head of the answer; NULL: it is not there yet, or was none to go on with.
static char *upgraded(struct peer *peer, char *at, char *end) {
    static const char status[] = "HTTP/1.1 101 ";
    char *body = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
    if (!body && end - at < HEAD_MAX) {
        wire_rest_keep(&peer->rest, at, (size_t)(end - at));
        return NULL;
    }
    if (!body || memcmp(at, status, sizeof status - 1) != 0) { // such as 503, from one that is going
        peer_fail(peer);
        return NULL;
    }
    peer->state = PEER_OPEN;
    return body + 4;
}

// As a client should: the hub's close frame is answered before the connection ends, and without a reset.
static void say_goodbye(struct peer *peer, const struct wire_frame *frame) {
    struct linger none = {0};
    const unsigned char *code = (const unsigned char *)frame->payload;
    peer->close_code = frame->length >= 2 ? (unsigned)(code[0] << 8 | code[1]) : 1005;
    if (!peer->leaves)
        send_frame(peer, WIRE_CLOSE, frame->payload, frame->length >= 2 ? 2 : 0);
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

// False: the connection ends with this frame.
static bool take_frame(struct peer *peer, const struct wire_frame *frame) {
    switch (frame->opcode) {
    case WIRE_TEXT:
        peer->calls->on_text(peer, frame->payload, frame->length);
        return true;
    case WIRE_PING:
        send_frame(peer, WIRE_PONG, frame->payload, frame->length);
        return true;
    case WIRE_CLOSE:
        say_goodbye(peer, frame);
        return false;
    default:
        return frame->opcode == WIRE_PONG;
    }
}

static void take_bytes(struct peer *peer, char *at, char *end) {
    struct wire_frame frame;
    int got = 0;
    if (peer->state == PEER_UPGRADING && !(at = upgraded(peer, at, end)))
        return;
    while (peer->state == PEER_OPEN && (got = wire_parse(at, (size_t)(end - at), &frame)) == 1) {
        if (!take_frame(peer, &frame)) {
            peer_fail(peer);
            return;
        }
        at += frame.total;
    }
    if (peer->state != PEER_OPEN)
        return; // cut by who was told
    if (got < 0 || wire_rest_keep(&peer->rest, at, (size_t)(end - at)) < 0)
        peer_fail(peer);
}

static void readable(struct peer *peer) {
    char *scratch = peer->peers->scratch;
    ssize_t got = recv(peer->fd, scratch + peer->rest.length, SCRATCH, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        peer_fail(peer);
        return;
    }
    peer->heard_ns = peer->peers->now_ns;
    size_t kept = wire_rest_take(&peer->rest, scratch);
    take_bytes(peer, scratch, scratch + kept + (size_t)got);
}

static void ready(struct peer *peer, uint32_t events) {
    if (peer->state == PEER_CONNECTING) {
        connected(peer);
        return;
    }
    if (peer->state != PEER_CLOSED && (events & EPOLLOUT) && peer->out_length)
        flush(peer);
    if (peer->state != PEER_CLOSED && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        readable(peer);
}

int peers_turn(struct peers *peers, int wait_ms) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(peers->epoll, events, EVENTS, wait_ms);
    peers->now_ns = clock_now_ns();
    if (count < 0)
        return errno == EINTR ? 0 : -1;
    for (int i = 0; i < count; i++)
        ready(events[i].data.ptr, events[i].events);
    return count;
}
