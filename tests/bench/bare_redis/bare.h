// SPDX-License-Identifier: MIT
// What the scenarios of wshub-bare-redis share. Each does with hiredis alone what the hub does through its
// plugin, and adds to the report what it cost this process. Bounded in count; ten seconds without a reply end
// it.
#pragma once

#include <stdint.h>

#include "load/report.h"

struct bare_options { // help, ranges and defaults stand in main.c
    uint64_t port, channels, messages, warmup, window, rate, size, ttl;
};

struct bare {
    struct bare_options options;
    int epoll;
    struct report *report;
};

// Each returns 0, or -1 with a line on stderr.
int scenario_one_to_one(struct bare *bare);
int scenario_subscribe(struct bare *bare);
int scenario_set(struct bare *bare);

// Waits for events and hands those of links to them. Returns how many others there were (the one timer, which
// has no link), or -1: nothing happened for ten seconds, which names `what` was waited for.
int bare_turn(struct bare *bare, const char *what);

// A descriptor that fires `rate` times a second and is watched; the caller closes it. -1 with a line on
// stderr.
int bare_timer(const struct bare *bare, uint64_t rate);

// CPU of this process so far, user and system.
uint64_t bare_cpu_ns(void);
