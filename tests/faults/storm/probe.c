// SPDX-License-Identifier: MIT
#include "storm/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
enum { AGAIN_MS = 20, PATIENCE_MS = 1000 };

void probe_end(struct probe *probe) {
    if (probe->fd > 0)
        close(probe->fd);
    *probe = (struct probe){0};
}

static bool give_up(struct probe *probe, uint64_t now_ns) {
    probe_end(probe);
    probe->next_ns = now_ns + AGAIN_MS * MS;
    return false;
}

static bool begin(struct probe *probe, const char *address, uint16_t port, uint64_t now_ns) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &name.sin_addr);
    if (now_ns < probe->next_ns)
        return false;
    probe->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    probe->since_ns = now_ns;
    if (probe->fd < 0 ||
        (connect(probe->fd, (struct sockaddr *)&name, sizeof name) < 0 && errno != EINPROGRESS))
        return give_up(probe, now_ns);
    return false;
}

// 1: connected; 0: not yet; -1: refused.
static int connected(const struct probe *probe) {
    struct pollfd out = {.fd = probe->fd, .events = POLLOUT};
    int error = 0;
    if (poll(&out, 1, 0) != 1)
        return 0;
    getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    return error || (out.revents & (POLLERR | POLLHUP)) ? -1 : 1;
}

bool probe_step(struct probe *probe, const char *address, uint16_t port, const struct probe_words *words,
                uint64_t now_ns) {
    char answer[64];
    if (probe->fd <= 0)
        return begin(probe, address, port, now_ns);
    if (now_ns - probe->since_ns > PATIENCE_MS * MS)
        return give_up(probe, now_ns);
    if (!probe->said) {
        int there = connected(probe);
        if (there <= 0)
            return there < 0 ? give_up(probe, now_ns) : false;
        probe->said = true;
        if (words->say && send(probe->fd, words->say, strlen(words->say), MSG_NOSIGNAL) < 0)
            return give_up(probe, now_ns);
    }
    if (!words->expect) {
        probe_end(probe);
        return true;
    }
    ssize_t got = recv(probe->fd, answer, sizeof answer, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return false;
    size_t length = strlen(words->expect);
    if (got < (ssize_t)length || memcmp(answer, words->expect, length) != 0)
        return give_up(probe, now_ns);
    probe_end(probe);
    return true;
}
