// SPDX-License-Identifier: MIT
// What the scenarios share. A scenario is one function that loads a running server, bounded in count and in
// time, and adds what it measured to the report; each has a file of its own and a row in main.c.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "load/client.h"
#include "load/meter.h"
#include "load/publishers.h"
#include "load/report.h"

// How long nothing at all may arrive before the run stops.
enum { LOAD_STALL_SECONDS = 10, LOAD_WINDOW_MAX = 1024 };

struct load_options { // help, ranges and defaults stand in main.c
    uint64_t port, pid;
    uint64_t connections, per_connection, subscribers, channels, idle, one_channel;
    uint64_t publishers, window, messages, warmup, rate, doze, size, ack;
    uint64_t in_flight, deadline;
};

struct load {
    struct load_options options;
    struct client client;
    struct publishers publishers;
    struct report *report;
    struct meter meter;
    uint64_t seen, seen_at_ns; // for the stall: messages that had arrived, and when that last changed
};

// Each returns 0, or -1 with client.error set.
int scenario_connect(struct load *load);
int scenario_idle(struct load *load);
int scenario_channels(struct load *load);
int scenario_hold(struct load *load);
int scenario_fanout(struct load *load);
int scenario_one_to_one(struct load *load);
int scenario_paced_fanout(struct load *load);
int scenario_paced_one_to_one(struct load *load);

// Opens the idle connections that take no part, the subscribers, and the publishers, in this order.
// *first is the index of the first subscriber.
int load_connect(struct load *load, uint32_t subscribers, enum client_channels channels, uint32_t *first);

// Subscribes the connections, opened without a channel, in turn to `count` channels from number
// `first_channel` on, and returns when all are confirmed.
int load_subscribe(struct load *load, uint32_t first_channel, uint32_t count);

// The server's VmRSS once it has stopped changing: lazily touched pages and the queues of connecting settle.
int load_settled_rss(struct load *load, long *kib);

// One turn of reading, then sends what was published in it. *late tells that the scenario must give up and
// say what is missing.
int load_turn(struct load *load, int wait_ms, bool *late);

int load_meter_start(struct load *load);
int load_meter_stop(struct load *load);

// Waits for the answers to acknowledged publishes, and a moment for deliveries that should not come.
int load_finish(struct load *load);
