// SPDX-License-Identifier: MIT
#include "tcp_proxy.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "loop_fixture.h"

enum { PAIRS = 32, PIECE = 4096, CUT_AT = 3, POLL_MS = 20 };

struct proxy_state {
    atomic_int mode;
    unsigned random;
};

struct pair {
    int client, server; // -1: free
};

static void end_pair(struct pair *pair) {
    close(pair->client);
    close(pair->server);
    *pair = (struct pair){-1, -1};
}

static void accept_pair(struct pair *pairs, int listening, unsigned port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = accept(listening, NULL, NULL);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    name.sin_port = htons((uint16_t)port);
    for (int i = 0; i < PAIRS; i++) {
        if (pairs[i].client < 0) {
            pairs[i] = (struct pair){client, server};
            if (connect(server, (struct sockaddr *)&name, sizeof name) != 0) {
                end_pair(&pairs[i]);
            }
            return;
        }
    }
    close(client);
    close(server);
}

static void garble(struct proxy_state *state, char *data, size_t length) {
    for (size_t i = 0; i < length; i++) {
        state->random = state->random * 1103515245 + 12345;
        if ((state->random >> 16) % 4 == 0) {
            data[i] = (char)(state->random >> 20);
        }
    }
}

static bool write_slowly(int fd, const char *data, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (send(fd, data + i, 1, MSG_NOSIGNAL) != 1) {
            return false;
        }
        poll(NULL, 0, 1);
    }
    return true;
}

// False: the pair has ended.
static bool answer(struct proxy_state *state, const struct pair *pair) {
    char data[PIECE];
    ssize_t n = recv(pair->server, data, sizeof data, 0);
    int mode = atomic_load(&state->mode);
    if (n <= 0) {
        return false;
    }
    if (mode == PROXY_DELAY) {
        return write_slowly(pair->client, data, (size_t)n);
    }
    if (mode == PROXY_GARBLE) {
        garble(state, data, (size_t)n);
    }
    if (mode == PROXY_CUT) {
        n = n < CUT_AT ? n : CUT_AT;
    }
    return send(pair->client, data, (size_t)n, MSG_NOSIGNAL) == n && mode != PROXY_CUT;
}

static bool hand_over(const struct pair *pair) {
    char data[PIECE];
    ssize_t n = recv(pair->client, data, sizeof data, 0);
    return n > 0 && send(pair->server, data, (size_t)n, MSG_NOSIGNAL) == n;
}

static void serve(struct proxy_state *state, int listening, unsigned port) {
    struct pair pairs[PAIRS];
    struct pollfd fds[1 + 2 * PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        pairs[i] = (struct pair){-1, -1};
    }
    for (;;) {
        bool stalled = atomic_load(&state->mode) == PROXY_STALL;
        fds[0] = (struct pollfd){.fd = listening, .events = POLLIN};
        for (int i = 0; i < PAIRS; i++) { // poll ignores what is negative
            fds[1 + 2 * i] = (struct pollfd){.fd = stalled ? -1 : pairs[i].client, .events = POLLIN};
            fds[2 + 2 * i] = (struct pollfd){.fd = stalled ? -1 : pairs[i].server, .events = POLLIN};
        }
        if (poll(fds, 1 + 2 * PAIRS, POLL_MS) <= 0) {
            continue;
        }
        for (int i = 0; i < PAIRS; i++) {
            if ((fds[1 + 2 * i].revents && !hand_over(&pairs[i])) ||
                (fds[2 + 2 * i].revents && !answer(state, &pairs[i]))) {
                end_pair(&pairs[i]);
            }
        }
        if (fds[0].revents) {
            accept_pair(pairs, listening, port);
        }
    }
}

void tcp_proxy_start(struct tcp_proxy *proxy, unsigned server_port) {
    struct sockaddr_in name;
    int listening = tcp_listen(&name);
    pid_t parent = getpid();
    proxy->port = ntohs(name.sin_port);
    proxy->state =
        mmap(NULL, sizeof *proxy->state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(proxy->state != MAP_FAILED);
    atomic_init(&proxy->state->mode, PROXY_PASS);
    proxy->state->random = 1;
    proxy->pid = fork();
    assert_true(proxy->pid >= 0);
    if (proxy->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            serve(proxy->state, listening, server_port);
        }
        _exit(1);
    }
    close(listening);
}

void tcp_proxy_set(struct tcp_proxy *proxy, enum proxy_mode mode) {
    atomic_store(&proxy->state->mode, mode);
}

void tcp_proxy_stop(struct tcp_proxy *proxy) {
    kill(proxy->pid, SIGKILL);
    waitpid(proxy->pid, NULL, 0);
    munmap(proxy->state, sizeof *proxy->state);
}
