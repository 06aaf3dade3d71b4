// SPDX-License-Identifier: MIT
#include "bare_redis/bare.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "bare_redis/link.h"

enum { EVENTS = 4, STALL_MS = 10000 };

static int failed(const char *step) {
    fprintf(stderr, "wshub-bare-redis: %s: %s\n", step, strerror(errno));
    return -1;
}

int bare_turn(struct bare *bare, const char *what) {
    struct epoll_event events[EVENTS];
    int others = 0, count = epoll_wait(bare->epoll, events, EVENTS, STALL_MS);
    if (count < 0 && errno != EINTR)
        return failed("epoll_wait");
    if (count == 0) {
        fprintf(stderr, "wshub-bare-redis: nothing came for 10 s while waiting for %s\n", what);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        if (!events[i].data.ptr)
            others++;
        else if (link_on_event(events[i].data.ptr, events[i].events) < 0)
            return -1;
    }
    return others;
}

int bare_timer(const struct bare *bare, uint64_t rate) {
    struct timespec period = {.tv_sec = (time_t)(1 / rate),
                              .tv_nsec = (long)(1000000000u / rate % 1000000000u)};
    struct itimerspec pace = {period, period};
    struct epoll_event event = {.events = EPOLLIN};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return failed("timerfd_create");
    if (timerfd_settime(fd, 0, &pace, NULL) < 0 || epoll_ctl(bare->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        close(fd);
        return failed("the timer of the pace");
    }
    return fd;
}

uint64_t bare_cpu_ns(void) {
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
}
