// SPDX-License-Identifier: MIT
#include "storm/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS = 64, PIECE = 64 * 1024 };

// Bytes one way that the other side has not taken yet: reading waits until they have gone.
struct way {
    size_t at, length;
    char bytes[PIECE];
};

struct pair {
    int fds[2];         // client, server; -1: free
    struct way ways[2]; // from fds[i] to the other
};

struct relaying {
    int listener, signals;
    uint16_t server_port;
    struct pair pairs[PAIRS];
    struct pollfd polls[2 + PAIRS * 2];
};

static int connect_to(uint16_t port) {
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) == 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static void pair_cut(struct pair *pair) {
    struct linger reset = {.l_onoff = 1};
    for (int i = 0; i < 2; i++)
        if (pair->fds[i] >= 0) {
            setsockopt(pair->fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            close(pair->fds[i]);
            pair->fds[i] = -1;
        }
}

static void welcome(struct relaying *relaying) {
    int client = accept4(relaying->listener, NULL, NULL, SOCK_CLOEXEC);
    int server = client < 0 ? -1 : connect_to(relaying->server_port);
    for (int i = 0; server >= 0 && i < PAIRS; i++) {
        struct pair *pair = &relaying->pairs[i];
        if (pair->fds[0] >= 0)
            continue;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        pair->fds[0] = client;
        pair->fds[1] = server;
        pair->ways[0].length = pair->ways[1].length = pair->ways[0].at = pair->ways[1].at = 0;
        return;
    }
    if (client >= 0)
        close(client);
    if (server >= 0)
        close(server);
}

// False: the connection has ended.
static bool carry(struct pair *pair, int from, short events) {
    struct way *way = &pair->ways[from];
    if (way->length == 0 && (events & (POLLIN | POLLHUP | POLLERR))) {
        ssize_t got = recv(pair->fds[from], way->bytes, PIECE, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        way->at = 0;
        way->length = got > 0 ? (size_t)got : 0;
    }
    if (way->length == 0)
        return true;
    ssize_t sent = send(pair->fds[!from], way->bytes + way->at, way->length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN;
    way->at += (size_t)sent;
    way->length -= (size_t)sent;
    return true;
}

static bool ask(struct relaying *relaying) {
    for (int i = 0; i < PAIRS; i++)
        for (int side = 0; side < 2; side++) {
            struct pair *pair = &relaying->pairs[i];
            short events = pair->ways[side].length == 0 ? POLLIN : 0;
            events |= pair->ways[!side].length > 0 ? POLLOUT : 0;
            relaying->polls[2 + i * 2 + side] = (struct pollfd){.fd = pair->fds[side], .events = events};
        }
    return poll(relaying->polls, 2 + PAIRS * 2, -1) >= 0 || errno == EINTR;
}

static void answer(struct relaying *relaying) {
    struct signalfd_siginfo info;
    for (int i = 0; i < PAIRS; i++) {
        struct pair *pair = &relaying->pairs[i];
        if (pair->fds[0] < 0)
            continue;
        short events[2] = {relaying->polls[2 + i * 2].revents, relaying->polls[3 + i * 2].revents};
        if ((events[0] || events[1]) && (!carry(pair, 0, events[0]) || !carry(pair, 1, events[1])))
            pair_cut(pair);
    }
    if (relaying->polls[1].revents && read(relaying->signals, &info, sizeof info) > 0)
        for (int i = 0; i < PAIRS; i++)
            pair_cut(&relaying->pairs[i]);
    if (relaying->polls[0].revents)
        welcome(relaying);
}

static int run(void *context) {
    static struct relaying
        relaying; // of this process alone, which does nothing else; too large for the stack
    const struct relay *relay = context;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    relaying.listener = relay->listener;
    relaying.server_port = relay->server_port;
    relaying.signals = signalfd(-1, &set, SFD_CLOEXEC);
    for (int i = 0; i < PAIRS; i++)
        relaying.pairs[i].fds[0] = relaying.pairs[i].fds[1] = -1;
    relaying.polls[0] = (struct pollfd){.fd = relaying.listener, .events = POLLIN};
    relaying.polls[1] = (struct pollfd){.fd = relaying.signals, .events = POLLIN};
    while (ask(&relaying))
        answer(&relaying);
    return 1;
}

int relay_start(struct relay *relay, uint16_t server_port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sigset_t set, before;
    relay->server_port = server_port;
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (relay->listener < 0 || bind(relay->listener, (struct sockaddr *)&name, sizeof name) < 0 ||
        listen(relay->listener, PAIRS) < 0 ||
        getsockname(relay->listener, (struct sockaddr *)&name, &(socklen_t){sizeof name}) < 0)
        return -1;
    relay->port = ntohs(name.sin_port);
    // Blocked before the fork, so that no signal comes before the relay listens to it.
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &before);
    int started = process_fork(&relay->process, run, relay);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return started;
}

void relay_cut(struct relay *relay) {
    process_signal(&relay->process, SIGUSR1);
}

void relay_stop(struct relay *relay) {
    if (!relay->process.pid)
        return;
    process_kill(&relay->process);
    close(relay->listener);
}
