// SPDX-License-Identifier: MIT
#include "hub/window.h"

#include <stdlib.h>

#include "hub/message.h"

enum { CAPACITY_FIRST = 8 };

// ---- runs ----

static int64_t cost(const struct message *message) {
    return (int64_t)(message_weight(message) + sizeof(struct message *));
}

struct message *run_at(const struct run *run, uint32_t i) {
    return run->ring[(run->first + i) & (run->capacity - 1)];
}

uint32_t run_behind(const struct run *run, uint64_t offset) {
    uint32_t low = 0, high = run->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (run_at(run, middle)->offset > offset) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static bool grow(struct run *run) {
    uint32_t capacity = run->capacity > 0 ? 2 * run->capacity : CAPACITY_FIRST;
    struct message **ring = capacity > run->capacity ? malloc(capacity * sizeof *ring) : NULL;
    if (!ring) {
        return false;
    }
    for (uint32_t i = 0; i < run->count; i++) {
        ring[i] = run_at(run, i);
    }
    free(run->ring);
    run->ring = ring;
    run->capacity = capacity;
    run->first = 0;
    return true;
}

// Takes over the reference.
static bool append(struct run *run, struct message *message) {
    if (run->count == run->capacity && !grow(run)) {
        return false;
    }
    run->ring[(run->first + run->count++) & (run->capacity - 1)] = message;
    run->until = message->offset;
    return true;
}

static void forget_first(struct run *run, struct window_budget *budget) {
    struct message *message = run_at(run, 0);
    run->first = (run->first + 1) & (run->capacity - 1);
    run->count--;
    run->after = message->offset;
    counter_add(budget->bytes, -cost(message));
    message_unref(message);
}

static void reset(struct run *run, struct window_budget *budget, uint64_t offset) {
    while (run->count > 0) {
        forget_first(run, budget);
    }
    free(run->ring);
    *run = (struct run){.after = offset, .until = offset};
}

// ---- the budget ----

static bool holds_any(const struct window *window) {
    return window->live.count > 0 || window->early.count > 0;
}

static bool is_listed(const struct window *window) {
    return window->colder || window->hotter || window->budget->coldest == window;
}

static void unlist(struct window *window) {
    struct window_budget *budget = window->budget;
    if (is_listed(window)) {
        *(window->colder ? &window->colder->hotter : &budget->coldest) = window->hotter;
        *(window->hotter ? &window->hotter->colder : &budget->hottest) = window->colder;
        window->colder = window->hotter = NULL;
    }
}

void window_use(struct window *window) {
    struct window_budget *budget = window->budget;
    if (budget->hottest == window || !holds_any(window)) {
        return;
    }
    unlist(window);
    window->colder = budget->hottest;
    *(budget->hottest ? &budget->hottest->hotter : &budget->coldest) = window;
    budget->hottest = window;
}

// A run without messages gives back its ring too: most channels are quiet.
static void unlist_if_empty(struct window *window) {
    struct run *const runs[] = {&window->early, &window->live};
    for (unsigned i = 0; i < 2; i++) {
        if (runs[i]->count == 0) {
            free(runs[i]->ring);
            *runs[i] = (struct run){.after = runs[i]->until, .until = runs[i]->until};
        }
    }
    if (!holds_any(window)) {
        unlist(window);
    }
}

static void shrink(struct window_budget *budget) {
    while (budget->coldest && counter_get(budget->bytes) > budget->limit) {
        struct window *window = budget->coldest;
        forget_first(window->early.count > 0 ? &window->early : &window->live, budget);
        unlist_if_empty(window);
    }
}

void window_charge(struct window_budget *budget, int64_t bytes) {
    counter_add(budget->bytes, bytes);
    shrink(budget);
}

// ---- windows ----

void window_init(struct window *window, struct window_budget *budget, uint64_t most) {
    *window = (struct window){.budget = budget, .most = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX};
}

void window_free(struct window *window) {
    window_stand(window, 0);
}

void window_stand(struct window *window, uint64_t offset) {
    reset(&window->early, window->budget, 0);
    reset(&window->live, window->budget, offset);
    unlist(window);
}

// Afterwards a run may have forgotten some of what it has just got, but never claims what it has not.
static bool put(struct window *window, struct run *run, struct message *message) {
    if (!append(run, message)) {
        return false;
    }
    message_ref(message);
    counter_add(window->budget->bytes, cost(message));
    window_use(window);
    if (run->count > window->most) {
        forget_first(run, window->budget);
    }
    shrink(window->budget);
    return true;
}

void window_take(struct window *window, struct message *message) {
    if (!put(window, &window->live, message)) {
        reset(&window->live, window->budget, message->offset);
        unlist_if_empty(window);
    }
}

// ---- what was read ----

void window_read(struct window *window, uint64_t offset) {
    if (window->early.until != offset || window->early.count == 0) {
        reset(&window->early, window->budget, offset);
        unlist_if_empty(window);
    }
}

bool window_add(struct window *window, struct message *message) {
    if (message->offset > window->live.after || message->offset <= window->early.until) {
        return true; // `live` has it, or will; or it was told before
    }
    bool ok = put(window, &window->early, message);
    if (!ok) {
        reset(&window->early, window->budget, 0);
        unlist_if_empty(window);
    }
    return ok;
}

// Moves the messages of `live` behind those of `early`. Without memory for that, `early` stays apart.
static void join(struct window *window) {
    struct run *early = &window->early, *live = &window->live;
    while (early->capacity < early->count + live->count) {
        if (!grow(early)) {
            return;
        }
    }
    for (uint32_t i = 0; i < live->count; i++) {
        append(early, run_at(live, i)); // with its reference
    }
    early->until = live->until;
    free(live->ring);
    *live = *early;
    *early = (struct run){0};
    while (live->count > window->most) {
        forget_first(live, window->budget);
    }
}

void window_reach(struct window *window, uint64_t until) {
    struct run *early = &window->early;
    uint64_t most = until < window->live.after ? until : window->live.after;
    if (early->until < most) {
        early->until = most;
    }
    if (early->until == window->live.after && early->after < early->until) {
        join(window);
    }
}

const struct run *window_find(const struct window *window, uint64_t offset) {
    const struct run *const runs[] = {&window->live, &window->early};
    for (unsigned i = 0; i < 2; i++) {
        if (runs[i]->after <= offset && offset < runs[i]->until) {
            return runs[i];
        }
    }
    return NULL;
}
