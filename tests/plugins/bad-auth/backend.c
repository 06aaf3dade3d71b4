/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"

static bool read_address(const char *text, struct sockaddr_in *address) {
    char host[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host) {
        return false;
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    int port = atoi(colon + 1);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return port > 0 && port < 65536 && inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

bool backend_is_address(const char *text) {
    struct sockaddr_in address;
    return read_address(text, &address);
}

void backend_end(struct work *work) {
    const struct wshub_host *host = work->instance->host;
    host->watch_free(host->self, work->watch);
    host->timer_free(host->self, work->timer);
    work->watch = NULL;
    work->timer = NULL;
    if (work->fd >= 0) {
        close(work->fd);
        work->fd = -1;
    }
}

static void end(struct work *work, int status) {
    struct work **at = &work->instance->asking;
    while (*at != work) {
        at = &(*at)->next;
    }
    *at = work->next;
    backend_end(work);
    ways.on_answer(work, status);
}

static void on_time(void *context) {
    end(context, WSHUB_TIMEOUT);
}

static void on_read(void *context, unsigned events) {
    struct work *work = context;
    char answer[4];
    ssize_t n = recv(work->fd, answer, sizeof answer, 0);
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    work->heard += n > 0 ? (size_t)n : 0;
    if (n <= 0 || work->heard >= 3) {
        end(work, work->heard >= 3 ? WSHUB_OK : WSHUB_UNAVAILABLE);
    }
}

static int start(const struct wshub_host *host, struct work *work, const struct sockaddr_in *address) {
    if (connect(work->fd, (const struct sockaddr *)(const void *)address, sizeof *address) < 0 &&
        errno != EINPROGRESS) {
        return WSHUB_UNAVAILABLE;
    }
    work->watch = host->watch_new(host->self, work->fd, on_read, work);
    work->timer = host->timer_new(host->self, on_time, work);
    if (!work->watch || !work->timer) {
        return WSHUB_NO_MEMORY;
    }
    host->watch_set(host->self, work->watch, WSHUB_WATCH_READ);
    host->timer_start(host->self, work->timer, host->timeout * ways.patience / 100);
    return WSHUB_OK;
}

int backend_ask(struct instance *instance, struct work *work) {
    struct sockaddr_in address;
    const struct wshub_host *host = instance->host;
    read_address(host->option_text(host->self, "backend"), &address);
    work->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int status = work->fd < 0 ? WSHUB_UNAVAILABLE : start(host, work, &address);
    if (status != WSHUB_OK) {
        backend_end(work);
        return status;
    }
    work->next = instance->asking;
    instance->asking = work;
    return WSHUB_OK;
}
