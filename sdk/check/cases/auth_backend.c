// SPDX-License-Identifier: MIT
// What the plugin asks is away, or hangs: every decision that needs it is a failure in time, never a yes; and
// when it is there again, all is as before.
#include <stdio.h>
#include <string.h>

#include "auth/hostile.h"
#include "broker/commands.h"
#include "broker/relay.h"
#include "cases/flight.h"
#include "cases/guard.h"
#include "settings.h"

enum { PATIENCE_MS = 1000, BACK_MS = 5000, LOOK_MS = 50, CASE_S = 120, MANY = 200 };

static bool never(void *context) {
    (void)context;
    return false;
}

// ---- while it is away ----

// Of an instance that has never reached it. What is let in otherwise is a failure now, unless the
// configuration tells that it is decided without.
static enum expectation expect_alone(const struct requests_entry *entry) {
    return entry->away != EXPECT_UNSAID  ? (enum expectation)entry->away
           : entry->expect == EXPECT_YES ? EXPECT_FAILURE
                                         : EXPECT_NEVER_YES;
}

// The configuration's requests and a stranger's, all at once. `has_known`: it may know the answer still, and
// it is the right one then, or a failure.
static void expect_away(struct check *check, struct peer *peer, bool has_known, const char *when) {
    const struct guard *guard = guard_requests(check);
    const struct requests *requests = &check_settings(check)->requests;
    peer_call calls[MANY + 1];
    struct inquiry inquiries[MANY + 1];
    size_t count = guard->count < MANY ? guard->count : MANY;
    for (size_t i = 0; i < count; i++) {
        inquiries[i] = guard->items[i];
        inquiries[i].expect = has_known ? inquiries[i].expect : expect_alone(&requests->items[i]);
    }
    hostile_make_stranger(check, &inquiries[count++]);
    for (size_t i = 0; i < count; i++) {
        calls[i] = ask_start(peer, &inquiries[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct answer answer = ask_finish(peer, calls[i], &inquiries[i]);
        if (!has_known || answer.decision != DECISION_FAILURE) {
            guard_expect(check, &inquiries[i], &answer, when);
        }
        answer_free(&answer);
    }
}

static bool is_back(struct peer *peer, const struct inquiry *inquiry) {
    struct answer answer = ask(peer, inquiry);
    bool failed = answer.decision == DECISION_FAILURE && inquiry->expect != EXPECT_FAILURE;
    answer_free(&answer);
    return !failed;
}

static void expect_back(struct check *check, struct peer *peer) {
    const struct guard *guard = guard_requests(check);
    uint64_t end = check_now() + check_scaled(BACK_MS) * 1000000;
    for (size_t i = 0; i < guard->count; i++) {
        while (!is_back(peer, &guard->items[i]) && check_now() < end) {
            check_wait(check, never, NULL, LOOK_MS);
        }
    }
    guard_do(peer, "its backend is there again");
}

// ---- a way that is spoiled ----

static void open_without(struct check *check, void (*spoil)(struct relay *relay), const char *when) {
    struct relay *relay = relay_start(check);
    spoil(relay);
    struct peer *peer = guard_open_hasty(check, PATIENCE_MS);
    expect_away(check, peer, false, when);
    relay_heal(relay);
    expect_back(check, peer);
    spoil(relay);
    expect_away(check, peer, true, "its backend went away again");
    relay_heal(relay);
    expect_back(check, peer);
    peer_close(peer);
}

static void run_refused(struct check *check) {
    open_without(check, relay_refuse, "its backend refuses connections");
}

static void run_silent(struct check *check) {
    open_without(check, relay_freeze, "its backend takes connections and says nothing");
}

// One that asks again may well get the right answer.
static void run_cut(struct check *check) {
    enum { TIMES = 3 };
    struct relay *relay = relay_start(check);
    struct peer *peer = guard_open_hasty(check, PATIENCE_MS);
    for (int i = 0; i < TIMES; i++) {
        relay_cut_after(relay, 1);
        expect_away(check, peer, true, "its backend was cut off after a byte of its answer");
    }
    relay_heal(relay);
    expect_back(check, peer);
    peer_close(peer);
}

static void start_all(struct check *check, struct flight *flight, struct peer *peer) {
    size_t count;
    const struct inquiry *all = guard_all(check, &count);
    for (size_t i = 0; i < MANY; i++) {
        flight_start(flight, peer, &all[i % count]);
    }
}

// Many at once, each of which waits.
static void run_many(struct check *check) {
    struct relay *relay = relay_start(check);
    struct flight flight = {0};
    struct peer *peer = guard_open_hasty(check, PATIENCE_MS);
    relay_freeze(relay);
    start_all(check, &flight, peer);
    flight_land(&flight, peer, NULL);
    relay_heal(relay);
    expect_back(check, peer);
    peer_close(peer);
}

static void run_closes(struct check *check) {
    static void (*const spoils[])(struct relay * relay) = {relay_freeze, relay_refuse, relay_cut};
    struct relay *relay = relay_start(check);
    for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++) {
        struct flight flight = {0};
        struct peer *peer = guard_open_hasty(check, PATIENCE_MS);
        spoils[i](relay);
        start_all(check, &flight, peer);
        peer_close(peer);
        flight_free(&flight);
        relay_heal(relay);
    }
    struct peer *peer = guard_open(check);
    expect_back(check, peer);
    peer_close(peer);
}

// ---- a backend that is handled by commands ----

static void run_stopped(struct check *check) {
    commands_mend(check);
    command_run(check, COMMAND_STOP);
    struct peer *peer = guard_open_hasty(check, PATIENCE_MS);
    expect_away(check, peer, false, "its backend was stopped");
    command_run(check, COMMAND_RESTART);
    expect_back(check, peer);
    peer_close(peer);
}

static void run_paused(struct check *check) {
    commands_mend(check);
    command_run(check, COMMAND_PAUSE);
    struct peer *peer = guard_open_hasty(check, PATIENCE_MS);
    expect_away(check, peer, false, "its backend was paused");
    command_run(check, COMMAND_RESUME);
    expect_back(check, peer);
    peer_close(peer);
}

const struct check_case cases_auth_backend[] = {
    {"auth-backend-refuses", "without its backend every decision is a failure, and all is well when it comes",
     run_refused, .needs = NEEDS_RELAY, .seconds = CASE_S},
    {"auth-backend-silent", "so it is with one that says nothing, and in time", run_silent,
     .needs = NEEDS_RELAY, .seconds = CASE_S},
    {"auth-backend-cut", "half an answer is a failure, or asked for again", run_cut, .needs = NEEDS_RELAY,
     .seconds = CASE_S},
    {"auth-backend-many", "200 decisions at once that wait for it end in time", run_many,
     .needs = NEEDS_RELAY, .seconds = CASE_S},
    {"auth-backend-closes", "close returns in time while its backend is away", run_closes,
     .needs = NEEDS_RELAY, .seconds = CASE_S},
    {"auth-backend-stopped", "a backend that was stopped and comes back is used again", run_stopped,
     .needs = NEEDS_STOP | NEEDS_RESTART, .seconds = CASE_S},
    {"auth-backend-paused", "so is one that hangs", run_paused, .needs = NEEDS_PAUSE, .seconds = CASE_S},
    {0},
};
