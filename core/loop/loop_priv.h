// SPDX-License-Identifier: MIT
#pragma once

#include <uv.h>

#include "loop/loop.h"
#include "loop/watch.h"

enum { LOOP_SIGNALS_MAX = 4 };

struct loop_hook {
    loop_fn fn;
    void *context;
};

struct loop_signal {
    struct watch watch;
    int fd;
    struct loop_hook hook;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_idle_t come_back; // active: do not block
    struct loop_hook hooks[LOOP_HOOKS_MAX];
    unsigned hook_count;
    struct loop_signal signals[LOOP_SIGNALS_MAX];
    unsigned signal_count;
};
