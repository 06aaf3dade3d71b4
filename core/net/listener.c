// SPDX-License-Identifier: MIT
#include "net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop/timer.h"
#include "loop/watch.h"
#include "util/log.h"

enum {
    BACKLOG = 4096,
    ACCEPTS_PER_ROUND = 64, // then others have their turn
    RETRY_MS = 100,         // while out of descriptors
    // Bytes that the kernel takes beyond what is in flight. Without it a slow reader's megabytes hide in the
    // kernel, out of the sight of the outbox budget, and a ping waits behind them.
    NOTSENT_LOWAT = 128 * 1024,
};

struct listener {
    struct watch watch;
    struct timer *retry;
    const struct log *log;
    atomic_uint *paused_listeners;
    listener_fn fn;
    void *context;
    int fd;
    bool paused;
};

// ---- binding ----

static void set_option(int fd, int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof value); // each is a refinement: without it the hub still works
}

// So that 0.0.0.0 and [::] can both listen on one port.
static void set_v6_only(int fd, const struct address *address) {
    if (address->storage.ss_family == AF_INET6) {
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
}

// A socket file that nobody listens on is left from a crash and may go; any other file is not ours
// (connecting to one is refused just the same). Non-blocking, because a live socket's backlog may be full.
static bool remove_stale_socket(const struct address *address) {
    const char *path = ((const struct sockaddr_un *)&address->storage)->sun_path;
    struct stat file;
    if (lstat(path, &file) < 0 || !S_ISSOCK(file.st_mode)) {
        return false;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0) {
        return false;
    }
    bool refused = connect(probe, (const struct sockaddr *)&address->storage, address->length) < 0 &&
                   errno == ECONNREFUSED;
    close(probe);
    return refused && unlink(path) == 0;
}

static int bind_address(int fd, const struct address *address) {
    const struct sockaddr *name = (const struct sockaddr *)&address->storage;
    int result = bind(fd, name, address->length);
    if (result < 0 && errno == EADDRINUSE && name->sa_family == AF_UNIX) {
        result = remove_stale_socket(address) ? bind(fd, name, address->length) : -1;
        errno = result < 0 ? EADDRINUSE : 0;
    }
    return result;
}

static void explain(char *why, size_t size, const struct address *address, const char *call, int error) {
    static const struct {
        int error;
        const char *advice;
    } advice[] = {
        {EADDRINUSE, "another process listens there: stop it, or choose another port in `listen`"},
        {EACCES,
         "ports below 1024 need CAP_NET_BIND_SERVICE, sockets need a writable folder: choose another in "
         "`listen`"},
        {EADDRNOTAVAIL, "this machine has no such address: `ip address` shows those it has"},
    };
    char text[128];
    address_format(address, text, sizeof text);
    const char *hint = "";
    for (size_t i = 0; i < sizeof advice / sizeof *advice; i++) {
        if (advice[i].error == error) {
            hint = advice[i].advice;
        }
    }
    snprintf(why, size, "cannot listen on %s: %s: %s%s%s", text, call, strerror(error), *hint ? "; " : "",
             hint);
}

// A socket without SO_REUSEPORT conflicts with any listener, so it tells whether there is one.
static bool is_taken(const struct address *address) {
    int probe = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) {
        return false;
    }
    set_option(probe, SOL_SOCKET, SO_REUSEADDR, 1);
    set_v6_only(probe, address);
    bool taken =
        bind(probe, (const struct sockaddr *)&address->storage, address->length) < 0 && errno == EADDRINUSE;
    close(probe);
    return taken;
}

int listener_bind(struct address *address, bool first, char *why, size_t why_size) {
    int family = address->storage.ss_family;
    if (first && family != AF_UNIX && is_taken(address)) {
        explain(why, why_size, address, "bind", EADDRINUSE);
        return -1;
    }
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        explain(why, why_size, address, "socket", errno);
        return -1;
    }
    if (family != AF_UNIX) {
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); // accepted sockets inherit these
        set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT);
    }
    set_v6_only(fd, address);
    if (bind_address(fd, address) < 0 || listen(fd, BACKLOG) < 0) {
        explain(why, why_size, address, "bind", errno);
        close(fd);
        return -1;
    }
    address->length = sizeof address->storage;
    getsockname(fd, (struct sockaddr *)&address->storage, &address->length);
    return fd;
}

// ---- accepting ----

static bool out_of_descriptors(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void pause_accepting(struct listener *listener, int error) {
    watch_set(&listener->watch, WATCH_NONE);
    timer_start(listener->retry, RETRY_MS, 0);
    if (listener->paused) {
        return;
    }
    listener->paused = true;
    if (atomic_fetch_add(listener->paused_listeners, 1) == 0) {
        log_error(listener->log, "accept paused", log_text("reason", strerror(error)),
                  log_text("advice", "raise the limit of open files, or lower limits.connections"));
    }
}

static void resume_accepting(struct listener *listener) {
    if (!listener->paused) {
        return;
    }
    listener->paused = false;
    if (atomic_fetch_sub(listener->paused_listeners, 1) == 1) {
        log_info(listener->log, "accept resumed");
    }
}

// True: the backlog is empty.
static bool accept_some(struct listener *listener, int most) {
    for (int i = 0; i < most; i++) {
        struct address peer = {.length = sizeof peer.storage};
        int fd = accept4(listener->fd, (struct sockaddr *)&peer.storage, &peer.length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->fn(listener->context, fd, &peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            resume_accepting(listener);
            return true;
        } else if (out_of_descriptors(errno)) {
            pause_accepting(listener, errno);
            return false;
        } // else that one client gave up while it waited
    }
    return false;
}

static void on_ready(void *owner, int events, bool error) {
    (void)events;
    (void)error;
    accept_some(owner, ACCEPTS_PER_ROUND);
}

static void on_retry(void *context) {
    struct listener *listener = context;
    watch_set(&listener->watch, WATCH_READ);
}

struct listener *listener_new(struct loop *loop, int fd, const struct log *log, atomic_uint *paused,
                              listener_fn fn, void *context) {
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) {
        return NULL;
    }
    *listener =
        (struct listener){.fd = fd, .log = log, .paused_listeners = paused, .fn = fn, .context = context};
    listener->retry = timer_new(loop, on_retry, listener);
    if (!listener->retry) {
        goto no_timer;
    }
    if (watch_open(&listener->watch, loop, fd, on_ready, listener) != 0) {
        goto no_watch;
    }
    watch_set(&listener->watch, WATCH_READ);
    return listener;
no_watch:
    timer_free(listener->retry);
no_timer:
    free(listener);
    return NULL;
}

static void on_closed(void *owner) {
    free(owner);
}

void listener_close(struct listener **slot, bool take_rest) {
    struct listener *listener = *slot;
    if (!listener) {
        return;
    }
    *slot = NULL;
    while (take_rest && !listener->paused && !accept_some(listener, ACCEPTS_PER_ROUND)) {
    }
    if (listener->paused) {
        atomic_fetch_sub(listener->paused_listeners, 1);
    }
    timer_free(listener->retry);
    watch_close(&listener->watch, on_closed);
    close(listener->fd);
}
