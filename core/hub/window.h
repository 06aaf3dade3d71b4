// SPDX-License-Identifier: MIT
// What the hub remembers of a channel with a history: messages without a hole between them, so that whoever
// has missed some of them needs no read. A window is two runs: `live` ends at what was delivered last and
// grows with it; `early` was read from the history for those who had missed more, and becomes part of `live`
// when it reaches it. It is a cache: a message that it forgets, for want of memory or budget, is read again.
// Belongs to one thread; nothing here knows of brokers, channels or workers.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/counter.h"

struct message;
struct window;

struct run { // zero: empty, at 0
    struct message **ring;
    uint32_t capacity; // a power of two, or 0
    uint32_t first, count;
    uint64_t after, until; // it has all messages of the channel with after < offset <= until
};

// Shared by all windows: what they hold together. The one that was used longest ago forgets first.
struct window_budget {
    uint64_t limit;
    counter *bytes; // held
    struct window *coldest, *hottest;
};

struct window {
    struct window_budget *budget;
    struct window *colder, *hotter; // of those that hold messages
    uint32_t most;                  // messages of each run
    struct run live, early;
};

void window_init(struct window *window, struct window_budget *budget, uint64_t most);
void window_free(struct window *window);
// Forgets everything: what comes next comes after `offset`.
void window_stand(struct window *window, uint64_t offset);
// The message was delivered, and nothing is between it and the one delivered before.
void window_take(struct window *window, struct message *message);

// A read of what comes after `offset` has begun to tell: `early` goes on there, or begins anew.
void window_read(struct window *window, uint64_t offset);
// The next message that it tells. False: there is no memory for it, and `early` is forgotten. One that is not
// before `live` is not taken.
bool window_add(struct window *window, struct message *message);
// There is nothing more up to `until`. When `early` has reached `live`, they are one.
void window_reach(struct window *window, uint64_t until);

// The run that has everything behind `offset` up to its own end, which is later than that. NULL: none.
const struct run *window_find(const struct window *window, uint64_t offset);
// It is worth keeping.
void window_use(struct window *window);

// The index of the first message behind `offset`; run->count: there is none.
uint32_t run_behind(const struct run *run, uint64_t offset);
struct message *run_at(const struct run *run, uint32_t i); // borrowed

// Memory of others that the budget is to know of; a negative one is given back.
void window_charge(struct window_budget *budget, int64_t bytes);
