// SPDX-License-Identifier: MIT
// A hashed timer wheel: one sweep serves every connection of a worker. Arming costs a list insertion, an idle
// connection costs its entry. Pure; times are whatever milliseconds the caller uses throughout.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { WHEEL_SLOTS = 512, WHEEL_TICK_MS = 50 };

struct wheel_entry {
    struct wheel_entry *previous, *next; // NULL: not armed
    uint64_t due;
};

struct wheel {
    struct wheel_entry slots[WHEEL_SLOTS]; // list heads
    uint64_t tick;                         // the last one swept
};

typedef void (*wheel_fn)(void *context, struct wheel_entry *entry);

void wheel_init(struct wheel *wheel, uint64_t now);
// (Re)arms the entry, to be called at the first sweep after `due`. A zeroed entry is an unarmed one.
void wheel_arm(struct wheel *wheel, struct wheel_entry *entry, uint64_t due);
void wheel_disarm(struct wheel_entry *entry);
bool wheel_is_armed(const struct wheel_entry *entry);
// Disarms every entry that is due and calls fn with it; fn may arm and disarm any entry.
void wheel_sweep(struct wheel *wheel, uint64_t now, wheel_fn fn, void *context);
