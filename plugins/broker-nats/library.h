/* SPDX-License-Identifier: MIT
 * nats.c's own threads and memory belong to the process: the first broker that opens starts them, the last
 * that closes waits until they are gone. Called on drivers' threads: both may block. */
#ifndef NATS_LIBRARY_H
#define NATS_LIBRARY_H

#include <stdbool.h>

bool library_enter(void);
/* After library_enter, when every object of this broker is destroyed. */
void library_leave(void);

#endif
