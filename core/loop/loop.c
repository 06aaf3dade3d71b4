// SPDX-License-Identifier: MIT
#include "loop/loop_priv.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void on_prepare(uv_prepare_t *handle) {
    struct loop *loop = handle->data;
    for (unsigned i = 0; i < loop->hook_count; i++) {
        loop->hooks[i].fn(loop->hooks[i].context);
    }
}

static void on_come_back(uv_idle_t *handle) {
    uv_idle_stop(handle);
}

void loop_come_back(struct loop *loop) {
    uv_idle_start(&loop->come_back, on_come_back);
}

struct loop *loop_new(void) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        return NULL;
    }
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return NULL;
    }
    uv_prepare_init(&loop->uv, &loop->prepare);
    loop->prepare.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_idle_init(&loop->uv, &loop->come_back);
    return loop;
}

static void on_signal_closed(void *owner) {
    (void)owner; // part of the loop
}

void loop_free(struct loop *loop) {
    if (!loop) {
        return;
    }
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->come_back, NULL);
    for (unsigned i = 0; i < loop->signal_count; i++) {
        watch_close(&loop->signals[i].watch, on_signal_closed);
        close(loop->signals[i].fd);
    }
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int left = uv_loop_close(&loop->uv);
    assert(left == 0 && "a watch, timer or mailbox outlives its loop");
    (void)left;
    free(loop);
}

void loop_run(struct loop *loop) {
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop) {
    uv_stop(&loop->uv);
}

uint64_t loop_now(const struct loop *loop) {
    return uv_now(&loop->uv) + 1; // a machine just booted may say 0, which users of this take for "never"
}

void loop_at_end_of_round(struct loop *loop, loop_fn fn, void *context) {
    assert(loop->hook_count < LOOP_HOOKS_MAX);
    loop->hooks[loop->hook_count++] = (struct loop_hook){fn, context};
}

// Signals are read, not caught: a handler runs on whichever thread the kernel picks, at any moment.
static void on_signal(void *owner, int events, bool error) {
    struct loop_signal *s = owner;
    struct signalfd_siginfo what;
    (void)events;
    (void)error;
    while (read(s->fd, &what, sizeof what) == sizeof what) {
        s->hook.fn(s->hook.context);
    }
}

int loop_on_signal(struct loop *loop, int signum, loop_fn fn, void *context) {
    assert(loop->signal_count < LOOP_SIGNALS_MAX);
    struct loop_signal *s = &loop->signals[loop->signal_count];
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, signum);
    s->hook = (struct loop_hook){fn, context};
    s->fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0) {
        return -errno;
    }
    int error = watch_open(&s->watch, loop, s->fd, on_signal, s);
    if (error) {
        close(s->fd);
        return error;
    }
    loop->signal_count++;
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    return watch_set(&s->watch, WATCH_READ);
}
