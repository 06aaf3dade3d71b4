// SPDX-License-Identifier: MIT
#include "cases/guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/hostile.h"
#include "cases/shown.h"
#include "check_priv.h"

struct peer *guard_open(struct check *check) {
    return peer_open_with(check, &(struct peer_settings){.auth = true});
}

struct peer *guard_open_hasty(struct check *check, uint64_t timeout) {
    return peer_open_with(check, &(struct peer_settings){.auth = true, .timeout = check_scaled(timeout)});
}

// ---- what is asked ----

static void *keep_items(struct check *check, size_t count) {
    struct inquiry none = {0};
    void *items = calloc(count + 1, sizeof none);
    if (!items) {
        check_fail(check, "the kit has no memory left");
    }
    void *kept = (void *)(uintptr_t)inquiry_keep(check, items, (count + 1) * sizeof none).data;
    free(items);
    return kept;
}

static const struct guard *make_guard(struct check *check) {
    const struct requests *requests = &check_settings(check)->requests;
    struct guard guard = {.items = keep_items(check, requests->count), .count = requests->count};
    for (size_t i = 0; i < requests->count; i++) {
        struct inquiry *inquiry = &guard.items[i];
        inquiry_read(check, inquiry, requests, i);
        if (inquiry->expect == EXPECT_YES && !inquiry_has_credentials(inquiry)) {
            guard.anyone = inquiry->user ? inquiry->user : "";
        }
    }
    return inquiry_keep(check, &guard, sizeof guard).data;
}

const struct guard *guard_requests(struct check *check) {
    if (!check->guard) {
        check->guard = make_guard(check);
    }
    return check->guard;
}

enum { SMALL = 64 * 1024 };

static void make_all(struct check *check) {
    const struct guard *guard = guard_requests(check);
    size_t more = hostile_count(), count = guard->count;
    struct inquiry *all = keep_items(check, guard->count + more);
    memcpy(all, guard->items, guard->count * sizeof *all);
    for (size_t i = 0; i < more; i++) {
        hostile_make(check, i, &all[count]);
        count += inquiry_bytes(&all[count]) < SMALL;
    }
    check->inquiries = all;
    check->inquiry_count = count;
}

const struct inquiry *guard_all(struct check *check, size_t *count) {
    if (!check->inquiries) {
        make_all(check);
    }
    *count = check->inquiry_count;
    return check->inquiries;
}

// ---- what is expected ----

static const char *const expectation_names[] = {
    [EXPECT_UNSAID] = "anything",
    [EXPECT_YES] = "yes",
    [EXPECT_NO] = "no",
    [EXPECT_EXPIRED] = "expired",
    [EXPECT_PASS] = "pass",
    [EXPECT_FAILURE] = "failure",
    [EXPECT_NEVER_YES] = "anything but yes",
};

static const enum decision decisions[] = {
    [EXPECT_YES] = DECISION_YES,   [EXPECT_NO] = DECISION_NO,           [EXPECT_EXPIRED] = DECISION_EXPIRED,
    [EXPECT_PASS] = DECISION_PASS, [EXPECT_FAILURE] = DECISION_FAILURE,
};

static struct wshub_bytes user_of(const struct answer *answer) {
    return answer->told ? answer->told->identity.user : (struct wshub_bytes){0};
}

static bool is_user(const struct answer *answer, const char *user) {
    struct wshub_bytes told = user_of(answer);
    return told.length == strlen(user) && (told.length == 0 || memcmp(told.data, user, told.length) == 0);
}

// Somebody's token may be what the kit takes for an odd one.
static bool is_configured(const struct guard *guard, const struct inquiry *inquiry) {
    struct wshub_bytes token = inquiry->request.token;
    for (size_t i = 0; i < guard->count && token.length > 0; i++) {
        struct wshub_bytes known = guard->items[i].request.token;
        if (known.length == token.length && memcmp(known.data, token.data, token.length) == 0) {
            return true;
        }
    }
    return false;
}

// Where anyone may come in, a stranger may, as anyone.
static void expect_no_yes(struct check *check, const struct inquiry *inquiry, const struct answer *answer,
                          const char *when) {
    if (answer->decision != DECISION_YES) {
        return;
    }
    const struct guard *guard = guard_requests(check);
    bool is_anyone = guard->anyone && is_user(answer, guard->anyone);
    if (inquiry->slot == OPERATION_AUTHORIZE) {
        check_fail(check, "%s: authorize of %s was decided with yes: it cannot know what that is", when,
                   inquiry->what);
    }
    if (!is_anyone && !is_configured(guard, inquiry)) {
        check_fail(check,
                   "%s: %s of %s was decided with yes (user %s): nobody has configured that it be let in",
                   when, operation_names[inquiry->slot], inquiry->what, shown_bytes(user_of(answer)).text);
    }
}

void guard_expect(struct check *check, const struct inquiry *inquiry, const struct answer *answer,
                  const char *when) {
    enum expectation expect = inquiry->expect;
    if (expect == EXPECT_UNSAID) {
        return;
    }
    if (expect == EXPECT_NEVER_YES) {
        expect_no_yes(check, inquiry, answer, when);
        return;
    }
    if (answer->decision != decisions[expect]) {
        check_fail(check, "%s: %s of %s was decided with %s (%s), expected %s", when,
                   operation_names[inquiry->slot], inquiry->what, decision_names[answer->decision],
                   shown_status(answer->status).text, expectation_names[expect]);
    }
    if (expect == EXPECT_YES && inquiry->user && answer->told && !is_user(answer, inquiry->user)) {
        check_fail(check, "%s: %s of %s told the user %s, expected %s", when, operation_names[inquiry->slot],
                   inquiry->what, shown_bytes(user_of(answer)).text,
                   shown_bytes(bytes_of(inquiry->user)).text);
    }
}

// ---- asking ----

void guard_ask(struct peer *peer, const struct inquiry *inquiry, const char *when) {
    struct answer answer = ask(peer, inquiry);
    guard_expect(peer_check(peer), inquiry, &answer, when);
    answer_free(&answer);
}

void guard_do(struct peer *peer, const char *when) {
    struct check *check = peer_check(peer);
    const struct guard *guard = guard_requests(check);
    for (size_t i = 0; i < guard->count; i++) {
        guard_ask(peer, &guard->items[i], when);
    }
    for (size_t i = 0; i < 3; i++) {
        struct inquiry inquiry;
        hostile_make_stranger(check, &inquiry);
        guard_ask(peer, &inquiry, when);
    }
}

void guard_ask_any(struct peer *peer) {
    struct inquiry inquiry;
    hostile_make_stranger(peer_check(peer), &inquiry);
    struct answer answer = ask(peer, &inquiry);
    answer_free(&answer);
}

struct inquiry guard_operation(struct peer *peer, size_t index) {
    struct check *check = peer_check(peer);
    const struct requests *requests = &check_settings(check)->authorize;
    const struct requests_entry *entry = &requests->items[index];
    struct inquiry inquiry;
    inquiry_read(check, &inquiry, requests, index);
    struct answer answer = ask(peer, &inquiry);
    if (answer.decision != DECISION_YES) {
        check_fail(check, "%s: whoever wants it was not let in, but answered with %s", inquiry.what,
                   shown_status(answer.status).text);
    }
    const struct wshub_identity *who = &answer.told->identity;
    inquiry.slot = OPERATION_AUTHORIZE;
    inquiry.operation = (struct wshub_operation){
        .struct_size = sizeof inquiry.operation,
        .verb = entry->verb,
        .name = bytes_of(entry->name),
        .user = inquiry_keep(check, who->user.data, who->user.length),
        .token_id = inquiry_keep(check, who->token_id.data, who->token_id.length),
        .connection_id = inquiry.request.connection_id,
        .data = entry->data ? bytes_of(entry->data) : (struct wshub_bytes){0},
    };
    answer_free(&answer);
    return inquiry;
}
