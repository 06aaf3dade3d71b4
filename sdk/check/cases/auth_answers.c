// SPDX-License-Identifier: MIT
// What an auth plugin decides, and how: the right thing, in time, once, and the same thing always.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/hostile.h"
#include "cases/flight.h"
#include "cases/guard.h"
#include "cases/shown.h"
#include "check_priv.h"

// ---- what the configuration expects ----

static void run_decisions(struct check *check) {
    const struct guard *guard = guard_requests(check);
    if (guard->count == 0) {
        check_skip(check, "the configuration does not say requests");
    }
    struct peer *peer = guard_open(check);
    for (size_t i = 0; i < guard->count; i++) {
        guard_ask(peer, &guard->items[i], "asked once");
    }
    for (size_t i = guard->count; i-- > 0;) {
        guard_ask(peer, &guard->items[i], "asked again, from the last to the first");
    }
    peer_close(peer);
}

// The host finds what is completed twice, by a slot that failed, or never asked for; here it finds many.
static void run_completes(struct check *check) {
    enum { MANY = 1000 };
    size_t count;
    const struct inquiry *all = guard_all(check, &count);
    struct flight flight = {0};
    struct peer *peer = guard_open(check);
    const uint64_t began = check_now();
    for (size_t i = 0; i < MANY; i++) {
        flight_start(&flight, peer, &all[i % count]);
    }
    flight_land(&flight, peer, "1,000 requests at once");
    check_figure(check, "1,000 requests", (double)(check_now() - began) / 1e6, "ms");
    guard_do(peer, "after 1,000 requests at once");
    peer_close(peer);
}

// One by one, under a host of little patience.
static void run_in_time(struct check *check) {
    enum { HASTY_MS = 1000 };
    size_t count;
    const struct inquiry *all = guard_all(check, &count);
    struct peer *peer = guard_open_hasty(check, HASTY_MS);
    uint64_t slowest = 0;
    for (size_t i = 0; i < count; i++) {
        struct answer answer = ask(peer, &all[i]);
        slowest = answer.took > slowest ? answer.took : slowest;
        answer_free(&answer);
    }
    check_figure(check, "slowest", (double)slowest / 1e6, "ms");
    peer_close(peer);
}

// ---- always the same ----

struct first_answers {
    const struct inquiry *inquiries;
    struct answer *answers;
    size_t count;
};

static struct first_answers ask_first(struct check *check, struct peer *peer) {
    struct first_answers first = {0};
    first.inquiries = guard_all(check, &first.count);
    first.answers = calloc(first.count, sizeof *first.answers);
    if (!first.answers) {
        check_fail(check, "the kit has no memory left");
    }
    for (size_t i = 0; i < first.count; i++) {
        first.answers[i] = ask(peer, &first.inquiries[i]);
        guard_expect(check, &first.inquiries[i], &first.answers[i], "asked for the first time");
    }
    return first;
}

static void free_first(struct first_answers *first) {
    for (size_t i = 0; i < first->count; i++) {
        answer_free(&first->answers[i]);
    }
    free(first->answers);
}

static void expect_same(struct check *check, const struct first_answers *first, size_t index,
                        const struct answer *answer, const char *when) {
    const struct answer *before = &first->answers[index];
    const char *what = first->inquiries[index].what;
    char why[TOLD_WHY];
    if (answer->decision != before->decision) {
        check_fail(check, "%s: %s was decided with %s, and with %s when it was asked for the first time",
                   when, what, shown_status(answer->status).text, decision_names[before->decision]);
    }
    if (answer->told && before->told && !told_is_same(before->told, answer->told, why)) {
        check_fail(check, "%s: %s has %s than when it was asked for the first time", when, what, why);
    }
}

enum { AT_ONCE = 50 };

// In any order, many at a time.
static void ask_all(struct check *check, struct peer *peer, const struct first_answers *first, unsigned times,
                    const char *when) {
    for (unsigned round = 0; round < times / AT_ONCE; round++) {
        peer_call calls[AT_ONCE];
        size_t which[AT_ONCE];
        for (unsigned i = 0; i < AT_ONCE; i++) {
            which[i] = check_random(check) % first->count;
            calls[i] = ask_start(peer, &first->inquiries[which[i]]);
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
            struct answer answer = ask_finish(peer, calls[i], &first->inquiries[which[i]]);
            expect_same(check, first, which[i], &answer, when);
            answer_free(&answer);
        }
    }
}

static void ask_often(struct check *check, struct peer *peer, const struct first_answers *first) {
    enum { TIMES = 1000 };
    for (unsigned i = 0; i < TIMES; i++) {
        size_t index = i % (first->count < 3 ? first->count : 3);
        struct answer answer = ask(peer, &first->inquiries[index]);
        expect_same(check, first, index, &answer, "asked 1,000 times");
        answer_free(&answer);
    }
}

static void run_same_answer(struct check *check) {
    struct peer *peer = guard_open(check);
    struct first_answers first = ask_first(check, peer);
    ask_often(check, peer, &first);
    ask_all(check, peer, &first, 1000, "among others");
    ask_reload(peer);
    ask_all(check, peer, &first, 500, "after reload");
    peer_close(peer);
    peer = guard_open(check);
    ask_all(check, peer, &first, 500, "opened anew");
    peer_close(peer);
    free_first(&first);
}

// ---- lent memory ----

static void ask_lent(struct check *check, bool strict) {
    struct peer *peer = guard_open(check);
    struct first_answers first = ask_first(check, peer);
    peer_set_strict(peer, strict);
    ask_all(check, peer, &first, strict ? 200 : 500, "what it was given was gone when its slot had returned");
    for (size_t i = 0; i < check_settings(check)->authorize.count; i++) {
        struct inquiry inquiry = guard_operation(peer, i);
        guard_ask(peer, &inquiry, "what it was given was gone when its slot had returned");
    }
    peer_close(peer);
    free_first(&first);
}

// What was lent is overwritten: whoever kept it, decides something else.
static void run_lent(struct check *check) {
    ask_lent(check, false);
}

// What was lent is taken away: whoever looks at it crashes.
static void run_lent_strictly(struct check *check) {
    ask_lent(check, true);
}

// ---- the hub thread's time ----

static void run_does_not_block(struct check *check) {
    enum { MANY = 500 };
    struct flight flight = {0};
    struct peer *peer = guard_open(check);
    size_t count;
    const struct inquiry *all = guard_all(check, &count);
    for (size_t i = 0; i < MANY; i++) {
        flight_start(&flight, peer, &all[i % count]);
    }
    flight_land(&flight, peer, NULL);
    for (size_t i = 0; i < hostile_count(); i++) { // the large ones too
        struct inquiry inquiry;
        hostile_make(check, i, &inquiry);
        struct answer answer = ask(peer, &inquiry);
        answer_free(&answer);
    }
    ask_reload(peer);
    peer_close(peer);
    check_figure(check, "slowest", check->stopwatch.slowest, "ms");
}

// ---- refresh ----

static void run_refreshes(struct check *check) {
    if (!check_auth(check)->refresh) {
        check_skip(check, "it has no slot refresh: authenticate is asked in its place");
    }
    const struct guard *guard = guard_requests(check);
    struct peer *peer = guard_open(check);
    for (size_t i = 0; i < guard->count; i++) {
        struct inquiry inquiry = guard->items[i];
        inquiry.slot = OPERATION_REFRESH;
        inquiry.request.token_source = WSHUB_TOKEN_MESSAGE;
        if (inquiry.expect == EXPECT_PASS || inquiry.request.token.length == 0) {
            inquiry.expect = EXPECT_UNSAID; // a client that refreshes has a token to show
        }
        guard_ask(peer, &inquiry, "shown again");
        inquiry.request.headers = NULL; // the hub has forgotten
        inquiry.request.cookies = NULL;
        inquiry.request.header_count = inquiry.request.cookie_count = 0;
        inquiry.request.path = inquiry.request.query = (struct wshub_bytes){0};
        guard_ask(peer, &inquiry, "shown again, and the rest of the request is forgotten");
    }
    for (size_t i = 0; i < hostile_count(); i++) {
        struct inquiry inquiry;
        hostile_make(check, i, &inquiry);
        inquiry.slot = OPERATION_REFRESH;
        guard_ask(peer, &inquiry, "shown to refresh");
    }
    peer_close(peer);
}

// ---- authorize ----

static void run_authorizes(struct check *check) {
    const struct requests *authorize = &check_settings(check)->authorize;
    if (!check_auth(check)->authorize) {
        check_skip(check, "it has no slot authorize: what no grant covers is denied");
    }
    struct peer *peer = guard_open(check);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < authorize->count; i++) {
            struct inquiry inquiry = guard_operation(peer, i);
            guard_ask(peer, &inquiry, round == 0 ? "asked once" : "asked again");
        }
        for (size_t i = 0; i < hostile_operation_count(); i++) {
            struct inquiry inquiry;
            hostile_make_operation(check, i, &inquiry);
            guard_ask(peer, &inquiry, "an operation that is odd");
        }
    }
    peer_close(peer);
}

const struct check_case cases_auth_answers[] = {
    {"auth-decides", "each request of the configuration gets its decision, and the right user", run_decisions,
     0, 0, 0},
    {"auth-in-time", "every request is decided within the host's timeout", run_in_time, 0, 0, 120},
    {"auth-many-at-once", "so are 1,000 at once; each is decided, once", run_completes, 0, 0, 60},
    {"auth-same-answer", "the same request gets the same answer, whatever else is asked", run_same_answer, 0,
     0, 120},
    {"auth-copies-what-is-lent", "what a slot is given may change as soon as it has returned", run_lent, 0, 0,
     60},
    {"auth-keeps-nothing-lent", "and is not looked at any more: it is gone, and looking is a crash",
     run_lent_strictly, 0, 0, 60},
    {"auth-does-not-block", "no slot or callback keeps the hub thread for 5 ms", run_does_not_block, 0, 0,
     60},
    {"auth-refreshes", "refresh decides as authenticate does, and never passes", run_refreshes, 0, 0, 0},
    {"auth-authorizes",
     "authorize says yes or no to what the configuration tells, and never to a verb that it "
     "cannot know",
     run_authorizes, 0, 0, 0},
    {0},
};
