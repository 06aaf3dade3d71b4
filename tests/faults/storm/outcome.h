// SPDX-License-Identifier: MIT
// All that is to be said of a storm that is over, and the three ways to say it: lines, JSON, a picture.
#pragma once

#include "storm/judge.h"
#include "storm/measures.h"
#include "storm/publishers.h"

enum { OUTCOME_EXAMPLES = 1000 };

struct outcome {
    const struct storm *storm;
    const struct faults *faults;
    const struct subscribers *subscribers;
    const struct publishers *publishers;
    struct verdict verdict;
    struct violation examples[OUTCOME_EXAMPLES]; // the first of them
    size_t example_count;
    struct measures measures;
    uint32_t stranded;  // subscriptions that were not there again at the end
    uint32_t unsettled; // publishes that were not acknowledged by then
    bool unfinished;    // the time was over before the plan was
    uint64_t start_ns, stop_ns, end_ns;
};

bool outcome_clean(const struct outcome *outcome);
void outcome_say(const struct outcome *outcome);
int outcome_report(const struct outcome *outcome, const char *path);
int outcome_picture(const struct outcome *outcome, const char *path);
