// SPDX-License-Identifier: MIT
// A timer of a loop, for the few things that need their own. Connections share a wheel instead
// (loop/wheel.h).
#pragma once

#include <stdint.h>

#include "loop/loop.h"

struct timer;

struct timer *timer_new(struct loop *loop, loop_fn fn, void *context); // NULL: no memory
// (Re)starts it: fires after `delay` ms, then every `repeat` ms (0: once).
void timer_start(struct timer *timer, uint64_t delay, uint64_t repeat);
void timer_stop(struct timer *timer);
void timer_free(struct timer *timer); // takes effect at once; fn is not called again
