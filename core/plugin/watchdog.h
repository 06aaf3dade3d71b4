// SPDX-License-Identifier: MIT
// Ends the process when a call into a plugin does not come back: nothing else helps a thread that is stuck in
// somebody else's code.
#pragma once

struct host_setup;
struct watchdog;

// From now on, until watchdog_stop: when the plugin's timeout is over, one line says that this slot of it
// has not returned, and the process ends with code 1. NULL: no memory or threads. Borrows all.
struct watchdog *watchdog_start(const struct host_setup *setup, const char *slot);
void watchdog_stop(struct watchdog *watchdog); // NULL is fine
