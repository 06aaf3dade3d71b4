// SPDX-License-Identifier: MIT
// For tests of the conformance kit: a case of the test's own, run as the kit runs its cases, on the memory
// broker.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/memory.h"
#include "runner.h"
#include "util/buf.h"

// The caller frees it. What the case has written is told when the test fails.
static inline struct outcome *run_this(const struct check_case *item, struct buf *heard) {
    struct run run = {.plugin = "memory", .seed = 1};
    struct outcome *outcome = outcome_new();
    enum memory_side before = memory_enter(MEMORY_OF_KIT);
    assert_non_null(outcome);
    assert_true(runner_run(&run, item, outcome, heard));
    memory_enter(before);
    return outcome;
}

static inline struct outcome *run_case(void (*fn)(struct check *check)) {
    struct buf heard = {0};
    const struct check_case item = {"test", "a case of a test", fn, 0, 0, 10};
    struct outcome *outcome = run_this(&item, &heard);
    if (heard.length > 0) {
        print_message("it wrote: %.*s\n", (int)heard.length, heard.data);
    }
    buf_free(&heard);
    return outcome;
}

static inline void expect_outcome(const struct outcome *outcome, enum verdict verdict, const char *text) {
    if (outcome->verdict != verdict || !strstr(outcome->text, text) || (!text[0] && outcome->text[0])) {
        fail_msg("expected %s: %s, got %s: %s", verdict_names[verdict], text, verdict_names[outcome->verdict],
                 outcome->text);
    }
}
