// SPDX-License-Identifier: MIT
// A real loop that a test runs until something has come true, and TCP connections over loopback. Nothing
// sleeps: the question is asked again in every round, and a deadline says what was awaited.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"
#include "loop/timer.h"
#include "util/clock.h"

enum { FIXTURE_DEADLINE_MS = 20000 };

struct waiting {
    struct loop *loop;
    bool (*done)(void *context);
    void *context;
    uint64_t until;
    bool late;
};

static inline void waiting_ask(void *self) {
    struct waiting *waiting = self;
    waiting->late = clock_ns() / 1000000 > waiting->until;
    if (waiting->late || waiting->done(waiting->context)) {
        loop_stop(waiting->loop);
    }
}

// Runs the loop until done(context). `done` may do the peer's part, such as reading without blocking.
#define run_until(loop_, done_, context_) run_until_(loop_, done_, context_, #done_, __FILE__, __LINE__)

static inline void run_until_(struct loop *loop, bool (*done)(void *), void *context, const char *what,
                              const char *file, int line) {
    struct waiting waiting = {loop, done, context, clock_ns() / 1000000 + FIXTURE_DEADLINE_MS, false};
    struct timer *timer = timer_new(loop, waiting_ask, &waiting);
    timer_start(timer, 0, 1);
    loop_run(loop);
    timer_free(timer);
    if (waiting.late) {
        print_error("not within %d ms: %s\n", FIXTURE_DEADLINE_MS, what);
        _fail(file, line);
    }
}

static inline bool two_rounds(void *context) {
    return ++*(int *)context > 2;
}

// All that is due by now happens, close callbacks as well.
static inline void run_rounds(struct loop *loop) {
    run_until(loop, two_rounds, &(int){0});
}

// ---- a connection: [0] is non-blocking for the code under test, [1] is the peer's, non-blocking too

static inline void set_nonblocking(int fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static inline int tcp_listen(struct sockaddr_in *name) {
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof *name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)name, length), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)name, &length), 0);
    return fd;
}

// `buffer`: bytes of the kernel's buffers on both ends, 0 for the usual.
static inline void tcp_pair(int fds[2], int buffer) {
    struct sockaddr_in name;
    int listening = tcp_listen(&name);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (buffer) {
        setsockopt(listening, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer); // the accepted one inherits it
        setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    assert_int_equal(connect(fds[1], (struct sockaddr *)&name, sizeof name), 0);
    fds[0] = accept(listening, NULL, NULL);
    assert_true(fds[0] >= 0);
    close(listening);
    setsockopt(fds[1], IPPROTO_TCP, 1 /* TCP_NODELAY */, &(int){1}, sizeof(int));
    set_nonblocking(fds[0]);
    set_nonblocking(fds[1]);
}

// What the peer has got.
struct inbox {
    int fd;
    char *data;
    size_t length, capacity;
    bool fin;  // the end was orderly
    int error; // or not, as with ECONNRESET
};

// Takes at most `most` bytes that lie ready.
static inline void inbox_read(struct inbox *inbox, size_t most) {
    while (most > 0 && !inbox->fin && !inbox->error) {
        if (inbox->capacity - inbox->length < 65536) {
            inbox->capacity = inbox->capacity * 2 + 65536;
            inbox->data = realloc(inbox->data, inbox->capacity);
            assert_non_null(inbox->data);
        }
        size_t room = inbox->capacity - inbox->length;
        ssize_t n = recv(inbox->fd, inbox->data + inbox->length, room < most ? room : most, 0);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        inbox->fin = n == 0;
        inbox->error = n < 0 ? errno : 0;
        inbox->length += n > 0 ? (size_t)n : 0;
        most -= n > 0 ? (size_t)n : 0;
    }
}

static inline void inbox_free(struct inbox *inbox) {
    close(inbox->fd);
    free(inbox->data);
}

// The end of the connection, from the peer's side, and all before it.
static inline bool inbox_ended(void *self) {
    struct inbox *inbox = self;
    inbox_read(inbox, SIZE_MAX);
    return inbox->fin || inbox->error;
}
