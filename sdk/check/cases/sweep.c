// SPDX-License-Identifier: MIT
#include "cases/sweep.h"

#include <stdio.h>

#include "cases/process.h"
#include "host/memory.h"

enum {
    ROUNDS = 80,     // of one sweep at most: the seed chooses when there are more allocations than that
    SWEEP_MS = 15000 // no new round after that
};

void sweep_arm(struct sweep *sweep) {
    sweep->armed = true;
    memory_fail_at(sweep->nth ? sweep->nth : UINT64_MAX);
}

void sweep_disarm(struct sweep *sweep) {
    if (sweep->armed && sweep->nth == 0) {
        sweep->total = memory_asked();
    }
    sweep->armed = false;
    memory_fail_at(0);
}

// ---- the rounds ----

static void round_of(struct sweep *sweep, uint64_t nth) {
    sweep->nth = nth;
    sweep->round++;
    if (nth > 0) {
        snprintf(sweep->when, sizeof sweep->when, "when allocation %llu of %llu of %s had failed",
                 (unsigned long long)nth, (unsigned long long)sweep->total, sweep->what);
    } else {
        snprintf(sweep->when, sizeof sweep->when, "%s, and memory was there", sweep->what);
    }
    sweep->act(sweep);
    sweep_disarm(sweep);
    if (sweep->peer) {
        sweep->duty(sweep);
    }
}

static bool has_grown(const struct process_use *before, const struct process_use *after) {
    return after->blocks > before->blocks || after->descriptors > before->descriptors;
}

// A library may fill a cache of its own once, and finish that on a thread of its own; what is lost every time
// is lost. Memory is most often lost by the broker's library, when memory has ended: that is told, no more.
// Descriptors and threads are another matter.
static void expect_no_leak(struct sweep *sweep, uint64_t nth) {
    enum { AGAIN = 4, BATCHES = 2 };
    struct process_use before = process_use(), after = before;
    for (int batch = 0; batch < BATCHES && (batch == 0 || has_grown(&before, &after)); batch++) {
        before = after;
        for (int i = 0; i < AGAIN; i++) {
            round_of(sweep, nth);
        }
        process_settle(before.threads);
        after = process_use();
    }
    if (after.blocks >= before.blocks + AGAIN) {
        check_warn(sweep->check, "%zu blocks of memory were lost (%zu bytes) in %d times %s",
                   after.blocks - before.blocks, after.bytes - before.bytes, AGAIN, sweep->when);
    }
    after.blocks = before.blocks;
    process_compare(sweep->check, &before, &after, AGAIN, sweep->when);
}

static void fail_each(struct sweep *sweep) {
    uint64_t end = check_now() + check_scaled(SWEEP_MS) * UINT64_C(1000000);
    uint64_t rounds = sweep->total <= ROUNDS ? sweep->total : ROUNDS;
    for (uint64_t i = 0; i < rounds && check_now() < end; i++) {
        uint64_t nth = sweep->total <= ROUNDS ? i + 1 : 1 + check_random(sweep->check) % sweep->total;
        struct process_use before = process_use();
        round_of(sweep, nth);
        struct process_use after = process_use();
        if (!sweep->keeps && has_grown(&before, &after)) {
            expect_no_leak(sweep, nth);
        }
    }
}

// The first times are special: the last of these is counted.
void sweep_run(struct sweep *sweep) {
    for (int i = 0; i < 3; i++) {
        round_of(sweep, 0);
    }
    sweep->round = 0;
    fail_each(sweep);
    check_figure(sweep->check, "allocations", (double)sweep->total, "");
    check_figure(sweep->check, "rounds", sweep->round, "");
}
