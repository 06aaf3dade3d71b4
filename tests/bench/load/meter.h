// SPDX-License-Identifier: MIT
// What a stretch of a run cost: the server's CPU, by thread too, this client's CPU, and the time on the wall.
#pragma once

#include <stdint.h>

#include "load/proc.h"
#include "load/report.h"

struct meter {
    pid_t server;
    uint64_t server_ns, client_ns, wall_ns; // running: the readings at the start; stopped: the differences
    size_t thread_count;
    struct proc_thread threads[PROC_THREADS_MAX];
};

// Both -1 when the server's process has gone.
int meter_start(struct meter *meter, pid_t server);
int meter_stop(struct meter *meter);

// Adds the costs to a report, per unit of `count` units ("delivery", "connection").
void meter_report(const struct meter *meter, struct report *report, const char *unit, uint64_t count);
