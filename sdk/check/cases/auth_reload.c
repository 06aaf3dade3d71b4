// SPDX-License-Identifier: MIT
// SIGHUP: files are read again, and one that cannot be read changes nothing.
#include "broker/commands.h"
#include "cases/flight.h"
#include "cases/guard.h"
#include "cases/process.h"
#include "settings.h"

static bool never(void *context) {
    (void)context;
    return false;
}

static void run_reloads(struct check *check) {
    enum { FIRST = 10, TIMES = 100 };
    struct peer *peer = guard_open(check);
    struct process_use before = {0};
    if (!check_auth(check)->reload) {
        check_skip(check, "it has no slot reload: it reads nothing");
    }
    for (unsigned i = 0; i < TIMES; i++) {
        if (i == FIRST) {
            before = process_use();
        }
        ask_reload(peer);
        guard_do(peer, "after reload");
    }
    process_settle(before.threads);
    struct process_use after = process_use();
    process_compare(check, &before, &after, TIMES - FIRST, "reload");
    peer_close(peer);
}

// With decisions under way, which end as they would have, before or after.
static void run_in_flight(struct check *check) {
    enum { MANY = 300, EACH = 20 };
    size_t count;
    const struct inquiry *all = guard_all(check, &count);
    struct flight flight = {0};
    struct peer *peer = guard_open(check);
    for (unsigned i = 0; i < MANY; i++) {
        flight_start(&flight, peer, &all[i % count]);
        if (i % EACH == 0) {
            ask_reload(peer);
        }
    }
    flight_land(&flight, peer, "reload among them");
    peer_close(peer);
}

// ---- files that change ----

enum { READ_MS = 2000, LOOK_MS = 20 }; // until what was read counts: it may be read on a thread

static void restore(struct check *check) {
    if (check_settings(check)->restore) {
        command_run(check, COMMAND_RESTORE);
    }
}

static bool is_changed(struct peer *peer, const struct inquiry *inquiry, enum expectation expect) {
    struct inquiry wanted = *inquiry;
    struct answer answer = ask(peer, &wanted);
    bool same = (answer.decision == DECISION_YES) == (expect == EXPECT_YES);
    answer_free(&answer);
    return same;
}

// All the requests, with what they are to get then.
static void expect_changed(struct check *check, struct peer *peer, const char *when) {
    const struct guard *guard = guard_requests(check);
    const struct requests *requests = &check_settings(check)->requests;
    for (size_t i = 0; i < guard->count; i++) {
        struct inquiry inquiry = guard->items[i];
        enum expectation changed = (enum expectation)requests->items[i].changed;
        uint64_t end = check_now() + check_scaled(READ_MS) * 1000000;
        inquiry.expect = changed != EXPECT_UNSAID ? changed : inquiry.expect;
        while (!is_changed(peer, &inquiry, inquiry.expect) && check_now() < end) {
            check_wait(check, never, NULL, LOOK_MS);
        }
        guard_ask(peer, &inquiry, when);
    }
}

static void run_changed(struct check *check) {
    restore(check);
    struct peer *peer = guard_open(check);
    guard_do(peer, "before the file was changed");
    command_run(check, COMMAND_CHANGE);
    ask_reload(peer);
    expect_changed(check, peer, "reload.change has run, and reload");
    command_run(check, COMMAND_RESTORE);
    ask_reload(peer);
    check_wait(check, never, NULL, LOOK_MS);
    peer_close(peer);
    peer = guard_open(check);
    guard_do(peer, "reload.restore has run");
    peer_close(peer);
}

// As it was: what cannot be read is logged, and leaves all in place.
static void run_spoiled(struct check *check) {
    enum { TIMES = 5, SETTLE_MS = 100 };
    restore(check);
    struct peer *peer = guard_open(check);
    guard_do(peer, "before the file was spoiled");
    command_run(check, COMMAND_SPOIL);
    for (int i = 0; i < TIMES; i++) {
        ask_reload(peer);
        check_wait(check, never, NULL, SETTLE_MS / TIMES);
        guard_do(peer, "reload.spoil has run, and reload, which leaves all as it was");
    }
    bool told = peer_has_complained(peer);
    command_run(check, COMMAND_RESTORE);
    ask_reload(peer);
    guard_do(peer, "reload.restore has run, and reload");
    peer_close(peer);
    if (!told) {
        check_fail(
            check,
            "a file that cannot be read was read again, and neither a warning nor an error was logged");
    }
}

const struct check_case cases_auth_reload[] = {
    {"auth-reloads", "reload changes nothing where nothing has changed, and keeps nothing", run_reloads, 0, 0,
     60},
    {"auth-reloads-in-flight", "nor does it with decisions under way", run_in_flight, 0, 0, 60},
    {"auth-reload-changed", "what a file says counts after reload", run_changed, 0, NEEDS_CHANGE, 60},
    {"auth-reload-spoiled", "a file that cannot be read leaves everything as it was, and is logged",
     run_spoiled, 0, NEEDS_SPOIL, 60},
    {0},
};
