// SPDX-License-Identifier: MIT
// Ends the process when a call into a plugin does not come back: nothing else helps a thread that is stuck in
// somebody else's code.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct log;
struct watchdog;

// From now on, until watchdog_stop: after `milliseconds` one line says that `what` of the plugin has not
// returned, and the process ends with code 1. NULL: no memory or threads. Borrows all but milliseconds.
struct watchdog *watchdog_start(const struct log *log, const char *what, const char *broker, const char *file,
                                uint64_t milliseconds);
void watchdog_stop(struct watchdog *watchdog); // NULL is fine
