// SPDX-License-Identifier: MIT
// How long the plugin keeps the hub thread. A machine that is busy with something else must not count against
// it: time on the run queue is subtracted, and so is what the kit itself does in the services that the plugin
// calls. What is left is the thread's own CPU time, and time that it slept because the plugin made it.
//
// Large payloads take their time, whoever copies them: each MiB that was given to a slot or to `deliver`
// while the clock ran adds a millisecond to what is allowed.
//
// Two overruns are forgiven when they are small, and one more for each 20,000 calls, because not everything
// can be told apart.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check;

struct stopwatch {
    uint64_t excluded; // ns that the kit has used while the plugin's code was on the stack
    uint64_t carried;  // bytes of payloads, either way
    int schedstat;     // of the thread: its second number is the wait on the run queue, ns; -1: none
    uint64_t laps;     // that have begun
    unsigned overruns;
    unsigned heavy; // ms that every lap may take longer, because large messages are under way
    double slowest; // ms, of all that ended within the limit or not
};

struct lap {
    const char *name;
    uint64_t wall, cpu, queued, excluded; // when it began, ns
    uint64_t carried;                     // before it
    long switches;                        // voluntary ones
    unsigned limit;                       // ms
};

void stopwatch_init(struct stopwatch *stopwatch);
// `limit`: ms that are allowed; stretched by check_scaled.
struct lap stopwatch_begin(struct stopwatch *stopwatch, const char *name, unsigned limit);
void stopwatch_carry(struct stopwatch *stopwatch, size_t bytes);
// A breach, when it was too long.
void stopwatch_end(struct check *check, const struct lap *lap);
