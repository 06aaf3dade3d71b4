// SPDX-License-Identifier: MIT
#include "broker/forwarder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PAIRS = 256, PIECE = 64 * 1024, TICK_MS = 10, TICKS_PER_SECOND = 1000 / TICK_MS };

#define NEVER UINT64_MAX

struct flow { // one direction of a connection
    int from, to;
    size_t start, end;
    uint64_t allowed; // bytes to be read in this tick
    bool ended;       // nothing more comes: what is here goes out, and that was it
    char data[PIECE];
};

struct pair {
    struct flow up, down; // to the broker, from the broker
};

struct forwarder {
    const struct forwarder_settings *settings;
    int listening; // -1: refuses
    int reserved;  // the port, kept while nobody listens; -1
    struct pair *pairs[PAIRS];
    bool frozen;
    uint64_t left; // of what the broker sends, until the connection is cut
    uint64_t rate; // bytes per second, NEVER: as fast as it goes
    uint64_t tick; // the last one, since the epoch of the clock
};

int forwarder_bind(const struct sockaddr *address, socklen_t length) {
    const int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 || bind(fd, address, length) != 0) {
        const int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int bind_again(const struct forwarder *forwarder) {
    int fd =
        forwarder_bind((const struct sockaddr *)&forwarder->settings->own, forwarder->settings->own_length);
    assert(fd >= 0); // the port is ours
    return fd;
}

// ---- connections ----

// A reset: what is still under way is lost, at either end.
static void reset(int fd) {
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static void end_pair(struct forwarder *forwarder, int i, void (*end)(int fd)) {
    struct pair *pair = forwarder->pairs[i];
    end(pair->up.from);
    end(pair->up.to);
    free(pair);
    forwarder->pairs[i] = NULL;
}

static void close_politely(int fd) {
    close(fd);
}

static void end_all(struct forwarder *forwarder) {
    for (int i = 0; i < PAIRS; i++) {
        if (forwarder->pairs[i]) {
            end_pair(forwarder, i, reset);
        }
    }
}

static int connect_broker(const struct forwarder_settings *settings) {
    const int on = 1;
    int fd = socket(settings->broker.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(fd, (const struct sockaddr *)&settings->broker, settings->broker_length) != 0 &&
            errno != EINPROGRESS) {
            close(fd);
            fd = -1;
        }
    }
    return fd;
}

static int free_place(const struct forwarder *forwarder) {
    for (int i = 0; i < PAIRS; i++) {
        if (!forwarder->pairs[i]) {
            return i;
        }
    }
    return -1;
}

static void accept_one(struct forwarder *forwarder) {
    const int on = 1;
    int client = accept4(forwarder->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
        return;
    }
    const int place = free_place(forwarder);
    struct pair *pair = place < 0 ? NULL : malloc(sizeof *pair);
    int broker = pair ? connect_broker(forwarder->settings) : -1;
    if (broker < 0) {
        free(pair);
        reset(client);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pair->up = (struct flow){.from = client, .to = broker, .allowed = forwarder->rate};
    pair->down = (struct flow){.from = broker, .to = client, .allowed = forwarder->rate};
    forwarder->pairs[place] = pair;
}

// ---- bytes ----

static bool is_readable(const struct flow *flow) {
    return flow->end < PIECE && flow->allowed > 0 && !flow->ended;
}

static bool is_writable(const struct flow *flow) {
    return flow->start < flow->end;
}

static bool is_temporary(int error) {
    return error == EAGAIN || error == EINTR || error == EINPROGRESS;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// False: this connection has failed.
static bool read_flow(struct forwarder *forwarder, struct flow *flow, bool from_broker) {
    uint64_t room = least(PIECE - flow->end, flow->allowed);
    if (from_broker) {
        room = least(room, forwarder->left);
    }
    ssize_t n = recv(flow->from, flow->data + flow->end, room, 0);
    if (n < 0) {
        return is_temporary(errno);
    }
    flow->end += (size_t)n;
    flow->ended = n == 0;
    flow->allowed -= flow->allowed == NEVER ? 0 : (uint64_t)n;
    if (from_broker && forwarder->left != NEVER) {
        forwarder->left -= (uint64_t)n;
        if (forwarder->left == 0) {
            flow->ended = true;
            forwarder->left = NEVER;
        }
    }
    return true;
}

static bool write_flow(struct flow *flow) {
    ssize_t n = send(flow->to, flow->data + flow->start, flow->end - flow->start, MSG_NOSIGNAL);
    if (n < 0) {
        return is_temporary(errno);
    }
    flow->start += (size_t)n;
    if (flow->start == flow->end) {
        flow->start = flow->end = 0;
    }
    return true;
}

static bool is_over(const struct flow *flow) {
    return flow->ended && !is_writable(flow);
}

// What poll shall say of both ends: the client's, then the broker's. An end of which nothing is wanted is
// left out, since a hang-up would be told without end.
static void ask_pair(const struct forwarder *forwarder, const struct pair *pair, struct pollfd *fds) {
    const short client =
        (short)((is_readable(&pair->up) ? POLLIN : 0) | (is_writable(&pair->down) ? POLLOUT : 0));
    const short broker =
        (short)((is_readable(&pair->down) ? POLLIN : 0) | (is_writable(&pair->up) ? POLLOUT : 0));
    fds[0] = (struct pollfd){.fd = client && !forwarder->frozen ? pair->up.from : -1, .events = client};
    fds[1] = (struct pollfd){.fd = broker && !forwarder->frozen ? pair->up.to : -1, .events = broker};
}

static bool move_pair(struct forwarder *forwarder, struct pair *pair, const struct pollfd *fds) {
    const bool client = fds[0].revents != 0, broker = fds[1].revents != 0;
    return (!client || !is_readable(&pair->up) || read_flow(forwarder, &pair->up, false)) &&
           (!broker || !is_readable(&pair->down) || read_flow(forwarder, &pair->down, true)) &&
           (!is_writable(&pair->up) || write_flow(&pair->up)) &&
           (!is_writable(&pair->down) || write_flow(&pair->down)) && !is_over(&pair->up) &&
           !is_over(&pair->down);
}

// ---- commands ----

static void set_rate(struct forwarder *forwarder, uint64_t rate) {
    const uint64_t allowed = rate == NEVER ? NEVER : 0; // until the next tick
    forwarder->rate = rate;
    for (int i = 0; i < PAIRS; i++) {
        if (forwarder->pairs[i]) {
            forwarder->pairs[i]->up.allowed = forwarder->pairs[i]->down.allowed = allowed;
        }
    }
}

static void cut(struct forwarder *forwarder, uint64_t none) {
    (void)none;
    end_all(forwarder);
}

// The port stays ours, by a socket that does not listen: whoever connects is refused at once.
static void refuse(struct forwarder *forwarder, uint64_t none) {
    (void)none;
    if (forwarder->listening >= 0) {
        forwarder->reserved = bind_again(forwarder);
        close(forwarder->listening);
        forwarder->listening = -1;
    }
    end_all(forwarder);
}

static void freeze(struct forwarder *forwarder, uint64_t none) {
    (void)none;
    forwarder->frozen = true;
}

static void cut_after(struct forwarder *forwarder, uint64_t bytes) {
    forwarder->left = bytes ? bytes : 1;
}

static void slow(struct forwarder *forwarder, uint64_t rate) {
    set_rate(forwarder, rate < TICKS_PER_SECOND ? TICKS_PER_SECOND : rate);
}

static void heal(struct forwarder *forwarder, uint64_t none) {
    (void)none;
    forwarder->frozen = false;
    forwarder->left = NEVER;
    set_rate(forwarder, NEVER);
    if (forwarder->listening < 0) {
        forwarder->listening = forwarder->reserved;
        forwarder->reserved = -1;
        if (listen(forwarder->listening, SOMAXCONN) != 0) {
            _exit(1);
        }
    }
}

static void (*const verbs[FORWARDER_VERBS])(struct forwarder *forwarder, uint64_t value) = {
    [FORWARDER_CUT] = cut,       [FORWARDER_REFUSE] = refuse,
    [FORWARDER_FREEZE] = freeze, [FORWARDER_CUT_AFTER] = cut_after,
    [FORWARDER_SLOW] = slow,     [FORWARDER_HEAL] = heal,
};

static void obey(struct forwarder *forwarder) {
    struct forwarder_command command;
    const char done = 1;
    ssize_t n = recv(forwarder->settings->control, &command, sizeof command, 0);
    if (n != sizeof command) {
        _exit(0); // the case is over
    }
    verbs[command.verb](forwarder, command.value);
    if (send(forwarder->settings->control, &done, 1, MSG_NOSIGNAL) != 1) {
        _exit(0);
    }
}

// ---- the loop ----

static void tick(struct forwarder *forwarder) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t current =
        (uint64_t)now.tv_sec * TICKS_PER_SECOND + (uint64_t)now.tv_nsec / (TICK_MS * 1000000);
    if (forwarder->rate == NEVER || current == forwarder->tick) {
        return;
    }
    forwarder->tick = current;
    for (int i = 0; i < PAIRS; i++) {
        if (forwarder->pairs[i]) {
            forwarder->pairs[i]->up.allowed = forwarder->pairs[i]->down.allowed =
                forwarder->rate / TICKS_PER_SECOND;
        }
    }
}

static void turn(struct forwarder *forwarder) {
    struct pollfd fds[2 + 2 * PAIRS];
    struct pollfd *const pairs = fds + 2;
    tick(forwarder);
    fds[0] = (struct pollfd){.fd = forwarder->settings->control, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = forwarder->frozen ? -1 : forwarder->listening, .events = POLLIN};
    for (int i = 0; i < PAIRS; i++) {
        pairs[2 * i] = pairs[2 * i + 1] = (struct pollfd){.fd = -1};
        if (forwarder->pairs[i]) {
            ask_pair(forwarder, forwarder->pairs[i], pairs + 2 * i);
        }
    }
    if (poll(fds, 2 + 2 * PAIRS, forwarder->rate == NEVER ? -1 : TICK_MS) < 0) {
        return; // interrupted
    }
    for (int i = 0; i < PAIRS; i++) {
        const struct pollfd *both = pairs + 2 * i;
        if ((both[0].revents || both[1].revents) && !move_pair(forwarder, forwarder->pairs[i], both)) {
            end_pair(forwarder, i, close_politely);
        }
    }
    if (fds[1].revents) {
        accept_one(forwarder);
    }
    if (fds[0].revents) { // last: it may end connections that poll spoke of
        obey(forwarder);
    }
}

void forwarder_run(const struct forwarder_settings *settings) {
    struct forwarder forwarder = {
        .settings = settings, .listening = settings->listening, .reserved = -1, .left = NEVER, .rate = NEVER};
    for (;;) {
        turn(&forwarder);
    }
}
