// SPDX-License-Identifier: MIT
// Memory ends, as in memory.c: one allocation of the plugin fails, each in turn. It may say so, as a failure;
// it may not let in whom it does not let in otherwise, nor leave the decision to others, nor crash, nor hang.
#include <stdio.h>

#include "auth/hostile.h"
#include "cases/guard.h"
#include "cases/process.h"
#include "cases/sweep.h"
#include "host/memory.h"
#include "settings.h"

static void do_duty(struct sweep *sweep) {
    guard_do(sweep->peer, sweep->when);
}

// A failure, or what is right.
static void expect_no_worse(struct sweep *sweep, const struct inquiry *inquiry) {
    struct answer answer = ask(sweep->peer, inquiry);
    if (answer.decision == DECISION_PASS && inquiry->expect != EXPECT_PASS &&
        inquiry->expect != EXPECT_NEVER_YES) {
        check_fail(sweep->check, "%s, %s was passed on to the next plugin: a failure lets nobody in",
                   sweep->when, inquiry->what);
    }
    if (answer.decision == DECISION_YES) {
        guard_expect(sweep->check, inquiry, &answer, sweep->when);
    }
    answer_free(&answer);
}

// ---- the slots ----

static void ask_each(struct sweep *sweep, enum operation slot) {
    const struct guard *guard = sweep->context;
    for (size_t i = 0; i < guard->count; i++) {
        struct inquiry inquiry = guard->items[i];
        inquiry.slot = slot;
        expect_no_worse(sweep, &inquiry);
    }
    struct inquiry stranger;
    hostile_make_stranger(sweep->check, &stranger);
    stranger.slot = slot;
    expect_no_worse(sweep, &stranger);
}

static void act_authenticate(struct sweep *sweep) {
    sweep_arm(sweep);
    ask_each(sweep, OPERATION_AUTHENTICATE);
    sweep_disarm(sweep);
}

static void act_refresh(struct sweep *sweep) {
    sweep_arm(sweep);
    ask_each(sweep, OPERATION_REFRESH);
    sweep_disarm(sweep);
}

static void act_reload(struct sweep *sweep) {
    sweep_arm(sweep);
    ask_reload(sweep->peer);
    sweep_disarm(sweep);
}

static void sweep_slot(struct check *check, const char *what, void (*act)(struct sweep *sweep)) {
    struct sweep sweep = {.check = check,
                          .what = what,
                          .act = act,
                          .duty = do_duty,
                          .context = guard_requests(check),
                          .peer = guard_open(check)};
    sweep_run(&sweep);
    peer_close(sweep.peer);
}

static void run_authenticate(struct check *check) {
    sweep_slot(check, "authenticate", act_authenticate);
}

enum { WHATEVER = 64 << 20 };

// Requests come one after the other here, so that which allocation is the nth is hardly chance.
static void run_threads(struct check *check) {
    memory_forget_threads();
    struct process_use before = process_use();
    struct peer *peer = guard_open(check);
    guard_do(peer, "with memory");
    struct process_use after = process_use();
    peer_close(peer);
    // One that lives for a decision alone is seen by what it asks for.
    if (after.threads <= before.threads && !memory_has_threads()) {
        check_skip(check, "it has no threads of its own");
    }
    memory_fail_threads(true);
    check_carries(check, WHATEVER); // time is looked at elsewhere
    sweep_slot(check, "authenticate and its threads", act_authenticate);
}

static void run_refresh(struct check *check) {
    if (!check_auth(check)->refresh) {
        check_skip(check, "it has no slot refresh");
    }
    sweep_slot(check, "refresh", act_refresh);
}

static void run_reload(struct check *check) {
    if (!check_auth(check)->reload) {
        check_skip(check, "it has no slot reload");
    }
    sweep_slot(check, "reload", act_reload);
}

// ---- authorize ----

struct operations {
    struct inquiry *items;
    size_t count;
};

static void act_authorize(struct sweep *sweep) {
    const struct operations *operations = sweep->context;
    sweep_arm(sweep);
    for (size_t i = 0; i < operations->count; i++) {
        expect_no_worse(sweep, &operations->items[i]);
    }
    sweep_disarm(sweep);
}

enum { OPERATIONS_MAX = 16 };

static void run_authorize(struct check *check) {
    struct inquiry items[OPERATIONS_MAX];
    struct operations operations = {items, 0};
    if (!check_auth(check)->authorize) {
        check_skip(check, "it has no slot authorize");
    }
    struct sweep sweep = {.check = check,
                          .what = "authorize",
                          .act = act_authorize,
                          .duty = do_duty,
                          .context = &operations,
                          .peer = guard_open(check)};
    size_t known = check_settings(check)->authorize.count;
    for (size_t i = 0; i < known && i < OPERATIONS_MAX - 1; i++) {
        items[operations.count++] = guard_operation(sweep.peer, i);
    }
    hostile_make_operation(check, 0, &items[operations.count++]);
    sweep_run(&sweep);
    peer_close(sweep.peer);
}

// ---- open and close ----

static void act_open(struct sweep *sweep) {
    sweep_arm(sweep);
    struct peer *peer =
        peer_open_with(sweep->check, &(struct peer_settings){.auth = true, .expects_failure = true});
    sweep_disarm(sweep);
    if (peer) { // otherwise it has said so
        guard_do(peer, sweep->when);
        peer_close(peer);
    }
}

static void run_open(struct check *check) {
    sweep_run(&(struct sweep){.check = check, .what = "open", .act = act_open});
}

static void act_close(struct sweep *sweep) {
    const struct guard *guard = sweep->context;
    struct peer *peer = guard_open(sweep->check);
    struct inquiry stranger;
    hostile_make_stranger(sweep->check, &stranger);
    for (unsigned i = 0; i < 20; i++) {
        ask_start(peer, guard->count > 0 ? &guard->items[i % guard->count] : &stranger);
    }
    sweep_arm(sweep);
    peer_close(peer);
}

static void run_close(struct check *check) {
    sweep_run(
        &(struct sweep){.check = check, .what = "close", .act = act_close, .context = guard_requests(check)});
}

const struct check_case cases_auth_memory[] = {
    {"auth-memory-of-open", "any allocation of open may fail", run_open, 0, NEEDS_MALLOC, 120},
    {"auth-memory-of-deciding", "any allocation of authenticate may fail, and lets nobody in",
     run_authenticate, 0, NEEDS_MALLOC, 120},
    {"auth-memory-of-threads", "so may any of the threads that decide", run_threads, 0, NEEDS_MALLOC, 120},
    {"auth-memory-of-refresh", "any allocation of refresh may fail, and lets nobody in", run_refresh, 0,
     NEEDS_MALLOC, 120},
    {"auth-memory-of-authorize", "any allocation of authorize may fail, and allows nothing", run_authorize, 0,
     NEEDS_MALLOC, 120},
    {"auth-memory-of-reload", "any allocation of reload may fail, and leaves all as it was", run_reload, 0,
     NEEDS_MALLOC, 120},
    {"auth-memory-of-close", "any allocation of close may fail", run_close, 0, NEEDS_MALLOC, 120},
    {0},
};
