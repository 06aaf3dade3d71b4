// SPDX-License-Identifier: MIT
#include "loop/timer.h"

#include <stdlib.h>

#include "loop/loop_priv.h"

struct timer {
    uv_timer_t handle;
    struct loop_hook hook;
};

struct timer *timer_new(struct loop *loop, loop_fn fn, void *context) {
    struct timer *timer = malloc(sizeof *timer);
    if (timer) {
        uv_timer_init(&loop->uv, &timer->handle);
        timer->handle.data = timer;
        timer->hook = (struct loop_hook){fn, context};
    }
    return timer;
}

static void on_timer(uv_timer_t *handle) {
    struct timer *timer = handle->data;
    timer->hook.fn(timer->hook.context);
}

void timer_start(struct timer *timer, uint64_t delay, uint64_t repeat) {
    uv_timer_start(&timer->handle, on_timer, delay, repeat);
}

void timer_stop(struct timer *timer) {
    uv_timer_stop(&timer->handle);
}

static void on_close(uv_handle_t *handle) {
    free(handle->data);
}

void timer_free(struct timer *timer) {
    if (timer) {
        uv_close((uv_handle_t *)&timer->handle, on_close);
    }
}
