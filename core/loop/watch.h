// SPDX-License-Identifier: MIT
// Watches one file descriptor for readiness. Lives inside its owner's struct; the descriptor stays the
// owner's, and must stay open until watch_close has been called.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "loop/loop.h"

enum watch_events { WATCH_NONE = 0, WATCH_READ = 1, WATCH_WRITE = 2 };

// `error`: the descriptor broke, and events says nothing. It is not watched any more until watch_set says so.
typedef void (*watch_fn)(void *owner, int events, bool error);
typedef void (*watch_closed_fn)(void *owner);

enum { WATCH_STORAGE = 160 }; // watch.c checks that libuv's handle fits

struct watch {
    _Alignas(max_align_t) unsigned char storage[WATCH_STORAGE];
    watch_fn fn;
    watch_closed_fn closed;
};

// 0, or a negative errno (no memory, or a descriptor that cannot be polled); then no watch_close is due.
int watch_open(struct watch *watch, struct loop *loop, int fd, watch_fn fn, void *owner);
// What to be told of from now on; WATCH_NONE for nothing.
int watch_set(struct watch *watch, int events);
// No call of fn after this. `closed` is called in a later round, and only then may the struct's memory go.
void watch_close(struct watch *watch, watch_closed_fn closed);
