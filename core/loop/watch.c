// SPDX-License-Identifier: MIT
#include "loop/watch.h"

#include "loop/loop_priv.h"

_Static_assert(sizeof(uv_poll_t) <= WATCH_STORAGE, "this libuv's uv_poll_t needs a larger WATCH_STORAGE");
_Static_assert((int)WATCH_READ == UV_READABLE && (int)WATCH_WRITE == UV_WRITABLE,
               "events are passed through");

static uv_poll_t *handle_of(struct watch *watch) {
    return (uv_poll_t *)(void *)watch->storage;
}

static struct watch *watch_of(void *handle) {
    return (struct watch *)handle; // storage is the first member
}

int watch_open(struct watch *watch, struct loop *loop, int fd, watch_fn fn, void *owner) {
    uv_poll_t *handle = handle_of(watch);
    int error = uv_poll_init(&loop->uv, handle, fd);
    if (error) {
        return error;
    }
    handle->data = owner;
    watch->fn = fn;
    return 0;
}

static void on_poll(uv_poll_t *handle, int status, int events) {
    watch_of(handle)->fn(handle->data, events, status != 0);
}

int watch_set(struct watch *watch, int events) {
    uv_poll_t *handle = handle_of(watch);
    return events == WATCH_NONE ? uv_poll_stop(handle) : uv_poll_start(handle, events, on_poll);
}

static void on_close(uv_handle_t *handle) {
    watch_of(handle)->closed(handle->data);
}

void watch_close(struct watch *watch, watch_closed_fn closed) {
    watch->closed = closed;
    uv_close((uv_handle_t *)handle_of(watch), on_close);
}
