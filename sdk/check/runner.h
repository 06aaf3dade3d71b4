// SPDX-License-Identifier: MIT
// A case in a process of its own: started, watched, buried. The runner has one thread and never loads the
// plugin itself.
#pragma once

#include <stdbool.h>

#include "check_priv.h"

struct buf;

// Runs it and fills in the outcome, which is a verdict whatever happens. Appends to `heard` what the case and
// the plugin have written to stderr, the log among it. False: no process could be made.
bool runner_run(const struct run *run, const struct check_case *item, struct outcome *outcome,
                struct buf *heard);
// The same for what is no case: it is not its business what the plugin writes.
bool runner_ask(const struct run *run, const struct check_case *item, struct outcome *outcome);
