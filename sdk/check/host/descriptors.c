// SPDX-License-Identifier: MIT
// Timers and watches. What the plugin has freed is kept, so that it is known when it is used again.
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "host/peer_priv.h"

struct wshub_timer {
    struct reactor_timer timer; // first: it is given back by the reactor
    struct peer *peer;
    wshub_timer_fn fn;
    void *context;
    bool freed;
    struct wshub_timer *next;
};

struct wshub_watch {
    struct reactor_watch watch; // first, likewise
    struct peer *peer;
    wshub_watch_fn fn;
    void *context;
    unsigned events;
    bool freed;
    struct wshub_watch *next;
};

// ---- timers ----

static void on_timer(struct reactor_timer *it) {
    struct wshub_timer *timer = (struct wshub_timer *)(void *)it;
    struct visit visit = visit_begin(timer->peer, "a timer", VISIT_LIMIT);
    timer->fn(timer->context);
    visit_end(timer->peer, &visit);
}

static struct wshub_timer *host_timer_new(void *self, wshub_timer_fn fn, void *context) {
    struct service service;
    if (!service_begin(&service, self, "timer_new", HUB_THREAD)) {
        return NULL;
    }
    struct peer *peer = service.peer;
    struct wshub_timer *timer = memory_grants() ? calloc(1, sizeof *timer) : NULL;
    if (timer) {
        timer->timer.fn = on_timer;
        timer->peer = peer;
        timer->fn = fn;
        timer->context = context;
        timer->next = peer->timers;
        peer->timers = timer;
        peer->timers_used++;
    }
    service_end(&service);
    return timer;
}

// The list is short: a plugin has a few timers, not one for each message.
static bool is_timer(struct peer *peer, const struct wshub_timer *timer, const char *service) {
    const struct wshub_timer *each = peer->timers;
    while (each && each != timer) {
        each = each->next;
    }
    if (each && !each->freed) {
        return true;
    }
    check_breach(peer->check, "%s was called for a timer that %s", service,
                 each ? "was freed" : "is none of this host's");
    return false;
}

static void host_timer_start(void *self, struct wshub_timer *timer, uint64_t delay) {
    struct service service;
    if (service_begin(&service, self, "timer_start", HUB_THREAD)) {
        if (is_timer(service.peer, timer, "timer_start")) {
            uint64_t far = UINT64_MAX / 4000000;
            reactor_timer_start(service.peer->check->reactor, &timer->timer,
                                check_now() + (delay < far ? delay : far) * 1000000);
        }
        service_end(&service);
    }
}

static void host_timer_stop(void *self, struct wshub_timer *timer) {
    struct service service;
    if (service_begin(&service, self, "timer_stop", HUB_THREAD)) {
        if (is_timer(service.peer, timer, "timer_stop")) {
            reactor_timer_stop(service.peer->check->reactor, &timer->timer);
        }
        service_end(&service);
    }
}

static void forget_timer(struct wshub_timer *timer) {
    reactor_timer_stop(timer->peer->check->reactor, &timer->timer);
    timer->freed = true;
    timer->peer->timers_used--;
}

static void host_timer_free(void *self, struct wshub_timer *timer) {
    struct service service;
    if (service_begin(&service, self, "timer_free", HUB_THREAD)) {
        if (timer && is_timer(service.peer, timer, "timer_free")) {
            forget_timer(timer);
        }
        service_end(&service);
    }
}

// ---- watches ----

static unsigned told(const struct wshub_watch *watch, short events) {
    if (events & (POLLERR | POLLHUP)) {
        return watch->events;
    }
    return watch->events &
           ((events & POLLIN ? WSHUB_WATCH_READ : 0u) | (events & POLLOUT ? WSHUB_WATCH_WRITE : 0u));
}

static void on_watch(struct reactor_watch *it, short events) {
    struct wshub_watch *watch = (struct wshub_watch *)(void *)it;
    if (events & POLLNVAL) {
        check_breach(watch->peer->check, "descriptor %d was closed before its watch was freed", it->fd);
        it->events = 0;
        return;
    }
    if (told(watch, events)) {
        struct visit visit = visit_begin(watch->peer, "a watch", VISIT_LIMIT);
        watch->fn(watch->context, told(watch, events));
        visit_end(watch->peer, &visit);
    }
}

// libuv, which the hub uses, takes sockets and pipes, not files.
static bool is_pollable(struct peer *peer, int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0) {
        check_breach(peer->check, "watch_new was called for descriptor %d, which is not open", fd);
        return false;
    }
    for (const struct wshub_watch *each = peer->watches; each; each = each->next) {
        if (!each->freed && each->watch.fd == fd) {
            check_breach(peer->check, "watch_new was called for descriptor %d, which has a watch", fd);
            return false;
        }
    }
    return !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

static struct wshub_watch *host_watch_new(void *self, int fd, wshub_watch_fn fn, void *context) {
    struct service service;
    if (!service_begin(&service, self, "watch_new", HUB_THREAD)) {
        return NULL;
    }
    struct peer *peer = service.peer;
    struct wshub_watch *watch = is_pollable(peer, fd) && memory_grants() ? calloc(1, sizeof *watch) : NULL;
    if (watch) {
        watch->watch.fn = on_watch;
        watch->watch.fd = fd;
        watch->peer = peer;
        watch->fn = fn;
        watch->context = context;
        watch->next = peer->watches;
        peer->watches = watch;
        peer->watches_used++;
        reactor_watch_add(peer->check->reactor, &watch->watch);
    }
    service_end(&service);
    return watch;
}

static bool is_watch(struct peer *peer, const struct wshub_watch *watch, const char *service) {
    const struct wshub_watch *each = peer->watches;
    while (each && each != watch) {
        each = each->next;
    }
    if (each && !each->freed) {
        return true;
    }
    check_breach(peer->check, "%s was called for a watch that %s", service,
                 each ? "was freed" : "is none of this host's");
    return false;
}

static void host_watch_set(void *self, struct wshub_watch *watch, unsigned events) {
    struct service service;
    if (!service_begin(&service, self, "watch_set", HUB_THREAD)) {
        return;
    }
    if (events & ~(unsigned)(WSHUB_WATCH_READ | WSHUB_WATCH_WRITE)) {
        check_breach(service.peer->check, "watch_set was called with events 0x%x", events);
    } else if (is_watch(service.peer, watch, "watch_set")) {
        watch->events = events;
        watch->watch.events =
            (short)((events & WSHUB_WATCH_READ ? POLLIN : 0) | (events & WSHUB_WATCH_WRITE ? POLLOUT : 0));
    }
    service_end(&service);
}

static void forget_watch(struct wshub_watch *watch) {
    reactor_watch_remove(watch->peer->check->reactor, &watch->watch);
    watch->freed = true;
    watch->peer->watches_used--;
}

static void host_watch_free(void *self, struct wshub_watch *watch) {
    struct service service;
    if (!service_begin(&service, self, "watch_free", HUB_THREAD)) {
        return;
    }
    if (watch && is_watch(service.peer, watch, "watch_free")) {
        struct stat status;
        if (fstat(watch->watch.fd, &status) < 0) {
            check_breach(service.peer->check, "descriptor %d was closed before its watch was freed",
                         watch->watch.fd);
        }
        forget_watch(watch);
    }
    service_end(&service);
}

// ---- life ----

void descriptors_fill(struct wshub_host *host) {
    host->timer_new = host_timer_new;
    host->timer_start = host_timer_start;
    host->timer_stop = host_timer_stop;
    host->timer_free = host_timer_free;
    host->watch_new = host_watch_new;
    host->watch_set = host_watch_set;
    host->watch_free = host_watch_free;
}

void descriptors_close(struct peer *peer) {
    if (peer->timers_used > 0 || peer->watches_used > 0) {
        check_breach(peer->check, "close has left %u timer%s and %u watch%s that were not freed",
                     peer->timers_used, peer->timers_used == 1 ? "" : "s", peer->watches_used,
                     peer->watches_used == 1 ? "" : "es");
    }
    for (struct wshub_timer *timer = peer->timers; timer; timer = timer->next) {
        if (!timer->freed) {
            forget_timer(timer);
        }
    }
    for (struct wshub_watch *watch = peer->watches; watch; watch = watch->next) {
        if (!watch->freed) {
            forget_watch(watch);
        }
    }
}
