// SPDX-License-Identifier: MIT
// Memory ends: one allocation of the plugin fails, the first, the second, and so on through all that an
// operation makes. Whatever it was for, the plugin may say so: by a status, a link that goes down and comes
// back, a loss that it tells. It may not crash, nor hang, nor keep silent, and works when there is memory
// again.
//
// Only allocations on the hub thread fail: which one is the nth is chance among threads.
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duty.h"
#include "process.h"

enum {
    ROUNDS = 80,      // of one sweep at most: the seed chooses when there are more allocations than that
    SWEEP_MS = 15000, // no new round after that
    RECOVERY_MS = 10000
};

struct sweep {
    struct check *check;
    const char *what; // "open", ...
    struct peer *peer;
    uint64_t nth, total; // the allocation that fails, of so many; 0: none
    unsigned round;
    // Does it once, and leaves nothing of it behind, if it can.
    void (*act)(struct sweep *sweep);
    char when[96]; // for messages
};

// ---- the rounds ----

static bool is_up(void *context) {
    return peer_is_up(context);
}

static void expect_recovery(struct sweep *sweep) {
    if (sweep->peer && !check_wait(sweep->check, is_up, sweep->peer, RECOVERY_MS)) {
        check_fail(sweep->check, "%s: the link went down (%s), and did not come up again within %d s",
                   sweep->when, peer_link(sweep->peer)->reason, RECOVERY_MS / 1000);
    }
    if (sweep->peer) {
        duty_message(sweep->peer, sweep->when);
    }
}

static void round_of(struct sweep *sweep, uint64_t nth) {
    sweep->nth = nth;
    sweep->round++;
    snprintf(sweep->when, sizeof sweep->when, "when allocation %llu of %llu of %s had failed",
             (unsigned long long)nth, (unsigned long long)sweep->total, sweep->what);
    memory_fail_at(nth);
    sweep->act(sweep);
    memory_fail_at(0);
    expect_recovery(sweep);
}

// A library may fill a cache of its own once; what is lost every time is lost.
static void expect_no_leak(struct sweep *sweep, uint64_t nth) {
    enum { AGAIN = 4 };
    struct process_use before = process_use();
    for (int i = 0; i < AGAIN; i++) {
        round_of(sweep, nth);
    }
    process_settle(before.threads);
    struct process_use after = process_use();
    process_compare(sweep->check, &before, &after, AGAIN, sweep->when);
}

static void fail_each(struct sweep *sweep) {
    uint64_t end = check_now() + check_scaled(SWEEP_MS) * UINT64_C(1000000);
    bool all = sweep->total <= ROUNDS;
    for (uint64_t i = 0; i < (all ? sweep->total : ROUNDS) && check_now() < end; i++) {
        uint64_t nth = all ? i + 1 : 1 + check_random(sweep->check) % sweep->total;
        struct process_use before = process_use();
        round_of(sweep, nth);
        struct process_use after = process_use();
        if (after.blocks > before.blocks || after.descriptors > before.descriptors) {
            expect_no_leak(sweep, nth);
        }
    }
}

static void sweep_run(struct sweep *sweep) {
    snprintf(sweep->when, sizeof sweep->when, "%s, with memory", sweep->what);
    for (int i = 0; i < 3; i++) { // first times are special; the last one is counted
        memory_fail_at(UINT64_MAX);
        sweep->act(sweep);
        sweep->total = memory_asked();
        memory_fail_at(0);
        expect_recovery(sweep);
    }
    fail_each(sweep);
    check_figure(sweep->check, "allocations", (double)sweep->total, "");
    check_figure(sweep->check, "rounds", sweep->round, "");
}

static void sweep_opened(struct check *check, const char *what, void (*act)(struct sweep *sweep)) {
    struct sweep sweep = {.check = check, .what = what, .act = act, .peer = peer_open(check)};
    sweep_run(&sweep);
    peer_close(sweep.peer);
}

// ---- open and close ----

static void act_open(struct sweep *sweep) {
    struct check *check = sweep->check;
    struct peer *peer =
        peer_open_with(check, &(struct peer_settings){.expects_failure = true, .expects_down = true});
    if (!peer) {
        return; // it has said so
    }
    if (!check_wait(check, is_up, peer, RECOVERY_MS)) {
        check_fail(check, "%s: the link did not come up within %d s: %s", sweep->when, RECOVERY_MS / 1000,
                   peer_link(peer)->reason);
    }
    memory_fail_at(0); // close has a case of its own
    duty_message(peer, sweep->when);
    peer_close(peer);
}

// What is counted ends where the link is up: act_open cuts the count off.
static void act_open_counted(struct sweep *sweep) {
    static const struct peer_settings settings = {.expects_failure = true, .expects_down = true};
    if (sweep->total > 0 && sweep->nth > 0) {
        act_open(sweep);
        return;
    }
    struct peer *peer = peer_open_with(sweep->check, &settings);
    uint64_t asked = memory_asked();
    if (peer) {
        memory_fail_at(0);
        peer_close(peer);
    }
    memory_fail_at(0);
    sweep->total = asked;
}

static void run_open(struct check *check) {
    struct sweep sweep = {.check = check, .what = "open", .act = act_open_counted};
    for (int i = 0; i < 3; i++) {
        memory_fail_at(UINT64_MAX);
        act_open_counted(&sweep);
    }
    fail_each(&sweep);
    check_figure(check, "allocations", (double)sweep.total, "");
    check_figure(check, "rounds", sweep.round, "");
}

static void act_close(struct sweep *sweep) {
    struct check *check = sweep->check;
    uint64_t nth = sweep->nth ? sweep->nth : UINT64_MAX;
    memory_fail_at(0);
    struct peer *peer = peer_open(check);
    for (unsigned i = 0; i < 20; i++) {
        peer_fire_subscribe(peer, duty_channel(check, "close", i));
    }
    memory_fail_at(nth);
    peer_close(peer);
}

static void run_close(struct check *check) {
    struct sweep sweep = {.check = check, .what = "close", .act = act_close};
    sweep_run(&sweep);
}

// ---- subscribe, publish, receive ----

static void act_subscribe(struct sweep *sweep) {
    struct wshub_bytes channel = duty_channel(sweep->check, "memory", sweep->round);
    peer_subscribe(sweep->peer, channel);
    if (peer_is_up(sweep->peer)) {
        peer_unsubscribe(sweep->peer, channel);
    }
    memory_fail_at(0);
    if (peer_is_up(sweep->peer)) {
        peer_unsubscribe(sweep->peer, channel);
    }
}

static void run_subscribe(struct check *check) {
    sweep_opened(check, "subscribe and unsubscribe", act_subscribe);
}

struct told { // what would be a word about a message
    struct peer *peer;
    uint64_t losses, changed;
};

static bool is_told(void *context) {
    const struct told *told = context;
    return peer_arrivals(told->peer)->count > 0 || peer_losses(told->peer) > told->losses ||
           peer_link(told->peer)->changed != told->changed;
}

static void act_publish(struct sweep *sweep) {
    struct check *check = sweep->check;
    struct peer *peer = sweep->peer;
    struct wshub_message message = message_of(check_channel(check, "memory"), "{\"memory\":\"ends\"}");
    message.sender = bytes_of("sender");
    struct told told = {peer, peer_losses(peer), peer_link(peer)->changed};
    peer_forget(peer);
    int status = peer_publish(peer, &message);
    if (status == WSHUB_OK && !check_wait(check, is_told, &told, 5000)) {
        check_fail(
            check,
            "%s: publish was answered with WSHUB_OK, and the message did not arrive, nor was its loss told",
            sweep->when);
    }
    peer_forget(peer);
}

static void run_publish(struct check *check) {
    struct sweep sweep = {.check = check, .what = "publish and receive", .act = act_publish};
    sweep.peer = peer_open(check);
    duty_expect(check, peer_subscribe(sweep.peer, check_channel(check, "memory")), "subscribe",
                "with memory");
    sweep_run(&sweep);
    peer_close(sweep.peer);
}

// ---- registry and history ----

static void act_registry(struct sweep *sweep) {
    struct peer *peer = sweep->peer;
    char *value = NULL;
    struct peer_entries entries = {0};
    if (peer_registry_set(peer, "kit:memory", "{}", 60000) == WSHUB_OK && peer_is_up(peer)) {
        int status = peer_registry_get(peer, "kit:memory", &value);
        if (status == WSHUB_NOT_FOUND || (status == WSHUB_OK && (!value || strcmp(value, "{}") != 0))) {
            check_fail(sweep->check, "%s: registry_set was answered with WSHUB_OK, and registry_get tells %s",
                       sweep->when, value ? value : "nothing");
        }
        free(value);
    }
    if (peer_is_up(peer)) {
        peer_registry_list(peer, "kit:mem", &entries);
        peer_entries_free(&entries);
    }
    if (peer_is_up(peer)) {
        peer_registry_delete(peer, "kit:memory");
    }
    memory_fail_at(0);
    if (peer_is_up(peer)) {
        peer_registry_delete(peer, "kit:memory");
    }
}

static void run_registry(struct check *check) {
    sweep_opened(check, "the registry", act_registry);
}

static void act_history(struct sweep *sweep) {
    struct peer *peer = sweep->peer;
    struct wshub_bytes channel = check_channel(sweep->check, "memory-history");
    struct wshub_message message = message_of(channel, "{\"kept\":true}");
    struct wshub_history_query query = {
        .struct_size = sizeof query, .channel = channel, .size = 10, .ttl = 60000, .limit = 5};
    struct arrivals found = {0};
    struct peer_position position = {0};
    message.history_size = 10;
    message.history_ttl = 60000;
    int status = peer_publish(peer, &message);
    if (peer_is_up(peer) && peer_history(peer, &query, &found, &position) == WSHUB_OK && status == WSHUB_OK &&
        found.count == 0) {
        check_fail(sweep->check, "%s: publish was answered with WSHUB_OK, and the history is empty",
                   sweep->when);
    }
    arrivals_free(&found);
}

static void run_history(struct check *check) {
    sweep_opened(check, "history", act_history);
}

const struct check_case cases_memory[] = {
    {"memory-of-open", "any allocation of open may fail", run_open, 0, NEEDS_MALLOC, 120},
    {"memory-of-subscribe", "any allocation of subscribe and unsubscribe may fail", run_subscribe, 0,
     NEEDS_MALLOC, 120},
    {"memory-of-publish", "any allocation of publish and deliver may fail", run_publish, 0, NEEDS_MALLOC,
     120},
    {"memory-of-registry", "any allocation of the registry's slots may fail", run_registry,
     WSHUB_BROKER_REGISTRY, NEEDS_MALLOC, 120},
    {"memory-of-history", "any allocation of history may fail", run_history, WSHUB_BROKER_HISTORY,
     NEEDS_MALLOC, 120},
    {"memory-of-close", "any allocation of close may fail", run_close, 0, NEEDS_MALLOC, 120},
    {0},
};
