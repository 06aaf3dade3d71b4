// SPDX-License-Identifier: MIT
// One event loop, which belongs to the thread that runs it. Only core/loop and core/net know that it is
// libuv's.
#pragma once

#include <stdint.h>

struct loop;

typedef void (*loop_fn)(void *context);

struct loop *loop_new(void); // NULL: no memory or no descriptors
// All watches, timers and mailboxes on it must be closed; runs the loop until their close callbacks are done.
void loop_free(struct loop *loop);

void loop_run(struct loop *loop);  // until loop_stop
void loop_stop(struct loop *loop); // on the loop's thread; the current round is finished first

// Monotonic milliseconds, as of this round's start. Starts near the machine's boot, never at 0.
uint64_t loop_now(const struct loop *loop);

// Calls fn at the end of each round, before the loop waits for events again: the place where everything that
// the round has queued leaves. At most LOOP_HOOKS_MAX, called in the order of registration.
enum { LOOP_HOOKS_MAX = 4 };
void loop_at_end_of_round(struct loop *loop, loop_fn fn, void *context);

// The next wait for events does not block: a hook has left something to do for the next round.
void loop_come_back(struct loop *loop);

// Calls fn on the loop's thread when the process gets `signum`. The signal is blocked in the calling thread,
// and so in every thread that it starts later, for good: call this before there are others. 0, or a negative
// errno.
int loop_on_signal(struct loop *loop, int signum, loop_fn fn, void *context);
