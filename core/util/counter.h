// SPDX-License-Identifier: MIT
// Numbers for the metrics: one thread writes, any thread reads. Relaxed atomics, so a count costs a plain
// add.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic(uint64_t) counter;

static inline uint64_t counter_get(const counter *c) {
    return atomic_load_explicit((counter *)c, memory_order_relaxed);
}

static inline void counter_set(counter *c, uint64_t value) {
    atomic_store_explicit(c, value, memory_order_relaxed);
}

// By the writing thread alone; a negative `by` counts down.
static inline void counter_add(counter *c, int64_t by) {
    counter_set(c, counter_get(c) + (uint64_t)by);
}
