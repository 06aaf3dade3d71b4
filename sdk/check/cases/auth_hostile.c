// SPDX-License-Identifier: MIT
// Requests that nobody has configured: never a crash, and never a yes.
#include <stdio.h>
#include <string.h>

#include "auth/hostile.h"
#include "cases/guard.h"
#include "check_priv.h"

static void ask_hostile(struct check *check, bool strict) {
    struct peer *peer = guard_open(check);
    peer_set_strict(peer, strict);
    for (size_t i = 0; i < hostile_count(); i++) {
        struct inquiry inquiry;
        hostile_make(check, i, &inquiry);
        guard_ask(peer, &inquiry, "a hostile request");
    }
    guard_do(peer, "after hostile requests");
    peer_close(peer);
}

// What is lent strictly ends with its page: whoever takes it for a text that is terminated crashes.
static void run_hostile(struct check *check) {
    ask_hostile(check, false);
    ask_hostile(check, true);
}

enum { STRANGERS = 300 };

static void run_strangers(struct check *check) {
    struct peer *peer = guard_open(check);
    for (unsigned i = 0; i < STRANGERS; i++) {
        struct inquiry inquiry;
        hostile_make_stranger(check, &inquiry);
        inquiry.request.address = bytes_of(i % 2 ? "127.0.0.1" : "::1");
        guard_ask(peer, &inquiry, "a random token");
    }
    peer_close(peer);
}

// At each of the other places: a token is one wherever it is shown, so that this may be yes; it is no crash.
static void move_around(struct check *check, struct peer *peer, const struct inquiry *right) {
    for (unsigned source = WSHUB_TOKEN_NONE; source <= WSHUB_TOKEN_MESSAGE + 1u; source++) {
        struct inquiry inquiry = *right;
        inquiry.request.token_source = source;
        struct answer answer = ask(peer, &inquiry);
        answer_free(&answer);
    }
    (void)check;
}

static void run_near(struct check *check) {
    const struct guard *guard = guard_requests(check);
    struct peer *peer = guard_open(check);
    unsigned tried = 0;
    for (size_t i = 0; i < guard->count; i++) {
        const struct inquiry *right = &guard->items[i];
        if (right->expect != EXPECT_YES || !inquiry_has_credentials(right)) {
            continue;
        }
        for (size_t index = 0; index < hostile_near_count(); index++) {
            struct inquiry inquiry;
            if (hostile_make_near(check, right, index, &inquiry)) {
                guard_ask(peer, right, "right");
                guard_ask(peer, &inquiry, "nearly right");
                tried++;
            }
        }
        move_around(check, peer, right);
    }
    check_figure(check, "tried", tried, "changes");
    guard_do(peer, "after what was nearly right");
    peer_close(peer);
}

const struct check_case cases_auth_hostile[] = {
    {"auth-hostile", "odd, broken and huge requests are never let in, and never a crash", run_hostile, 0, 0,
     120},
    {"auth-strangers", "random tokens are never let in", run_strangers, 0, 0, 60},
    {"auth-nearly-right", "a token that is changed a little is never let in", run_near, 0, NEEDS_YES, 120},
    {0},
};
