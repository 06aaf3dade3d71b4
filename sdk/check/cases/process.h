// SPDX-License-Identifier: MIT
// How much of the system this process holds, in numbers: to be compared after many rounds of the same.
// leftovers.h tells what there is, after one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "check.h"

struct process_use {
    size_t descriptors;
    size_t threads;
    size_t resident; // bytes of pages of its own; 0 where malloc is not ours
    size_t blocks;   // that the plugin has allocated; 0 where malloc is not ours
    size_t bytes;    // of them
};

struct process_use process_use(void);

// Waits until there are no more threads than `threads`: one that was joined is still listed for a moment.
void process_settle(size_t threads);

// Fails the case when `after` is more than `before` by at least one for each of so many rounds, or, of
// descriptors and threads, at all: "100 descriptors more after 100 times WHAT".
void process_compare(struct check *check, const struct process_use *before, const struct process_use *after,
                     unsigned rounds, const char *what);
