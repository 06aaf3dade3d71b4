// SPDX-License-Identifier: MIT
// The signals of a hub's process, as host.h tells plugins of them. Called on the case's thread.
#pragma once

void signals_set(void);
// What is not as signals_set has left it: the name of a signal. NULL: all is.
const char *signals_changed(void);
