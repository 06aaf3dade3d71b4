// SPDX-License-Identifier: MIT
// wshub-bare: the reference that the hub is measured against. epoll, one thread, and just enough of the
// native protocol, in a fixed way, that wshub-load drives it like the hub. It checks nothing and promises
// nothing.
//
//     wshub-bare [--gather]     prints "listening PORT" and serves until it is killed
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

#include "bare/peers.h"

enum { SCRATCH = 256 * 1024, EVENTS = 512, REPLY_MAX = 64 * 1024, BACKLOG = 4096 };

static const char upgrade_reply[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                    "Connection: Upgrade\r\nSec-WebSocket-Accept: " WIRE_ACCEPT "\r\n\r\n";
static const char welcome[] = "{\"op\":\"welcome\",\"connection\":\"bare\",\"instance\":\"bare\"}";

struct bare {
    struct peers peers;
    int listener, epoll;
    bool gather;
    char scratch[SCRATCH + WIRE_PAYLOAD_MAX + WIRE_HEADER_MAX];
    char reply[REPLY_MAX]; // what one read is answered with, in one send
    size_t reply_length;
    char hello[sizeof upgrade_reply + sizeof welcome + WIRE_HEADER_MAX]; // the 101 and the welcome, ready
    size_t hello_length;
};

static void bare_hello(struct bare *bare) {
    size_t length = sizeof upgrade_reply - 1;
    memcpy(bare->hello, upgrade_reply, length);
    length += wire_server_frame(bare->hello + length, WIRE_TEXT, welcome, sizeof welcome - 1);
    bare->hello_length = length;
}

// The text after `key` in a client's operation, up to the `end` that closes it; NULL when it has none.
static char *field(char *text, size_t length, const char *key, const char *end, size_t *found) {
    char *at = memmem(text, length, key, strlen(key));
    if (!at)
        return NULL;
    at += strlen(key);
    char *stop = memmem(at, (size_t)(text + length - at), end, strlen(end));
    if (!stop)
        return NULL;
    *found = (size_t)(stop - at);
    return at;
}

static int32_t channel_number(const char *name, size_t length) {
    const char *colon = memrchr(name, ':', length);
    long number = colon ? strtol(colon + 1, NULL, 10) : 0;
    return number >= 0 && number < PEERS_MAX ? (int32_t)number : 0;
}

static int answer_ok(struct bare *bare, char *text, size_t length) {
    size_t id_length;
    char *id = field(text, length, "\"id\":", ",", &id_length);
    if (!id)
        return 0;
    char ok[64];
    int n = snprintf(ok, sizeof ok, "{\"op\":\"ok\",\"id\":%.*s}", (int)id_length, id);
    if (n < 0 || (size_t)n >= sizeof ok || bare->reply_length + (size_t)n + WIRE_HEADER_MAX > REPLY_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    bare->reply_length += wire_server_frame(bare->reply + bare->reply_length, WIRE_TEXT, ok, (size_t)n);
    return 0;
}

static int publish(struct bare *bare, const char *channel, size_t channel_length, char *text, size_t length) {
    char json[8192], frame[sizeof json + WIRE_HEADER_MAX];
    size_t data_length;
    char *data = field(text, length, "\"data\":", "}", &data_length);
    int n = data ? snprintf(json, sizeof json, "{\"op\":\"message\",\"channel\":\"%.*s\",\"data\":%.*s}",
                            (int)channel_length, channel, (int)data_length, data)
                 : -1;
    if (n < 0 || (size_t)n >= sizeof json) {
        errno = EMSGSIZE;
        return -1;
    }
    size_t total = wire_server_frame(frame, WIRE_TEXT, json, (size_t)n);
    int32_t number = channel_number(channel, channel_length);
    return bare->gather ? peers_gather(&bare->peers, number, frame, total)
                        : peers_send(&bare->peers, number, frame, total);
}

static int operation(struct bare *bare, int fd, char *text, size_t length) {
    size_t channel_length;
    char *channel = field(text, length, "\"channel\":\"", "\"", &channel_length);
    if (!channel || length < 8)
        return 0;
    bool subscribes = text[7] == 's'; // {"op":"subscribe" or {"op":"publish"
    int result = subscribes ? peers_subscribe(&bare->peers, fd, channel_number(channel, channel_length))
                            : publish(bare, channel, channel_length, text, length);
    return result < 0 ? -1 : answer_ok(bare, text, length);
}

static void hang_up(struct bare *bare, int fd) {
    peers_leave(&bare->peers, fd);
    close(fd);
}

// 1: went on; 0: the client is to be closed; -1: the benchmark cannot go on.
static int frames(struct bare *bare, int fd, size_t length) {
    char *at = bare->scratch, *end = at + length;
    struct wire_frame frame;
    int got;
    bare->reply_length = 0;
    while ((got = wire_parse(at, (size_t)(end - at), &frame)) == 1) {
        at += frame.total;
        if (frame.opcode == WIRE_CLOSE)
            return 0;
        if (frame.opcode == WIRE_TEXT && operation(bare, fd, frame.payload, frame.length) < 0)
            return -1;
    }
    if (got < 0)
        return 0;
    if (bare->reply_length && peers_send_one(fd, bare->reply, bare->reply_length) < 0)
        return -1;
    return wire_rest_keep(&bare->peers.by_fd[fd].rest, at, (size_t)(end - at)) < 0 ? -1 : 1;
}

static int handshake(struct bare *bare, int fd, size_t length) {
    if (!memmem(bare->scratch, length, "\r\n\r\n", 4))
        return 0; // our client sends its request in one piece
    bare->peers.by_fd[fd].upgraded = true;
    return peers_send_one(fd, bare->hello, bare->hello_length) < 0 ? -1 : 1;
}

static int readable(struct bare *bare, int fd) {
    struct peer *peer = &bare->peers.by_fd[fd];
    ssize_t got = recv(fd, bare->scratch + peer->rest.length, SCRATCH, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) // an event of this turn for a descriptor that was closed and used again
        return 0;
    if (got <= 0) {
        hang_up(bare, fd);
        return 0;
    }
    size_t length = wire_rest_take(&peer->rest, bare->scratch) + (size_t)got;
    int went = peer->upgraded ? frames(bare, fd, length) : handshake(bare, fd, length);
    if (went == 0)
        hang_up(bare, fd);
    return went < 0 ? -1 : 0;
}

static int accept_all(struct bare *bare) {
    for (;;) {
        int fd = accept4(bare->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return errno == EAGAIN || errno == ECONNABORTED ? 0 : -1;
        if (fd >= PEERS_MAX) {
            errno = EMFILE;
            return -1;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        bare->peers.by_fd[fd].channel = PEERS_NO_CHANNEL;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(bare->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            return -1;
    }
}

static int serve(struct bare *bare) {
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(bare->epoll, events, EVENTS, -1);
        if (count < 0 && errno != EINTR)
            return -1;
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if ((fd == bare->listener ? accept_all(bare) : readable(bare, fd)) < 0)
                return -1;
        }
        if (peers_flush(&bare->peers) < 0)
            return -1;
    }
}

static int start(struct bare *bare) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct epoll_event event = {.events = EPOLLIN};
    bare_hello(bare);
    bare->epoll = epoll_create1(EPOLL_CLOEXEC);
    bare->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    event.data.fd = bare->listener;
    if (bare->epoll < 0 || bare->listener < 0 ||
        bind(bare->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(bare->listener, BACKLOG) < 0 ||
        getsockname(bare->listener, (struct sockaddr *)&address, &length) < 0 ||
        epoll_ctl(bare->epoll, EPOLL_CTL_ADD, bare->listener, &event) < 0)
        return -1;
    printf("listening %u\n", (unsigned)ntohs(address.sin_port));
    return fflush(stdout);
}

int main(int argc, char **argv) {
    struct bare *bare = calloc(1, sizeof *bare);
    if (!bare || argc > 2 || (argc == 2 && strcmp(argv[1], "--gather") != 0)) {
        fprintf(stderr, "usage: wshub-bare [--gather]\n");
        free(bare);
        return 2;
    }
    bare->gather = argc == 2;
    if (start(bare) < 0 || serve(bare) < 0)
        perror("wshub-bare");
    free(bare);
    return 1;
}
