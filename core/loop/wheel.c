// SPDX-License-Identifier: MIT
#include "loop/wheel.h"

#include <stddef.h>

static uint64_t tick_of(uint64_t time) {
    return time / WHEEL_TICK_MS;
}

static void list_init(struct wheel_entry *head) {
    head->previous = head->next = head;
}

static void list_append(struct wheel_entry *head, struct wheel_entry *entry) {
    entry->previous = head->previous;
    entry->next = head;
    head->previous->next = entry;
    head->previous = entry;
}

void wheel_init(struct wheel *wheel, uint64_t now) {
    for (int i = 0; i < WHEEL_SLOTS; i++) {
        list_init(&wheel->slots[i]);
    }
    wheel->tick = tick_of(now);
}

bool wheel_is_armed(const struct wheel_entry *entry) {
    return entry->next != NULL;
}

void wheel_disarm(struct wheel_entry *entry) {
    if (wheel_is_armed(entry)) {
        entry->previous->next = entry->next;
        entry->next->previous = entry->previous;
        entry->previous = entry->next = NULL;
    }
}

void wheel_arm(struct wheel *wheel, struct wheel_entry *entry, uint64_t due) {
    wheel_disarm(entry);
    // The slot of a tick is swept when that tick is over, so nothing fires early; what is already past comes
    // next.
    uint64_t tick = tick_of(due);
    if (tick <= wheel->tick) {
        tick = wheel->tick + 1;
    }
    entry->due = due;
    list_append(&wheel->slots[tick % WHEEL_SLOTS], entry);
}

// The slot's entries move to a list of their own first, because fn may arm some again into this very slot.
static void sweep_slot(struct wheel *wheel, struct wheel_entry *slot, uint64_t now, wheel_fn fn,
                       void *context) {
    struct wheel_entry waiting;
    if (slot->next == slot) {
        return;
    }
    waiting = *slot;
    waiting.next->previous = waiting.previous->next = &waiting;
    list_init(slot);
    while (waiting.next != &waiting) {
        struct wheel_entry *entry = waiting.next;
        wheel_disarm(entry);
        if (entry->due <= now) {
            fn(context, entry);
        } else {
            wheel_arm(wheel, entry, entry->due); // a later turn of the wheel
        }
    }
}

void wheel_sweep(struct wheel *wheel, uint64_t now, wheel_fn fn, void *context) {
    uint64_t target = tick_of(now);
    uint64_t first = wheel->tick + 1;
    if (target >= first + WHEEL_SLOTS) {
        first = target - WHEEL_SLOTS + 1; // after a long pause once round is enough
    }
    for (uint64_t tick = first; tick <= target; tick++) {
        wheel->tick = tick;
        sweep_slot(wheel, &wheel->slots[tick % WHEEL_SLOTS], now, fn, context);
    }
}
