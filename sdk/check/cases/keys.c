// SPDX-License-Identifier: MIT
// Keys: who heard no answer publishes again, with the same key, and the message is taken once.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/once.h"
#include "cases/pair.h"
#include "cases/shown.h"

enum {
    PATIENCE = CHAPTER_PATIENCE,
    KEEP = 60000,  // ms that keys are remembered
    BRIEF = 1500,  // where they shall be forgotten
    CLOCKS = 100,  // ms by which clocks may differ
    LONGER = 2000, // ms behind the end of its time that it is looked at
    POLL = 100,
};

static struct peer_position put(struct peer *peer, const struct chapter *chapter, const char *payload,
                                const char *key) {
    struct wshub_message message = once_message(chapter, payload, key, KEEP);
    return once_put(peer, &message);
}

// What the history has is what `peer` heard, and these payloads in this order.
static void expect_taken(struct peer *peer, const struct chapter *chapter, const char *const *payloads,
                         size_t count, const char *what) {
    struct check *check = peer_check(peer);
    struct page page = chapter_read_all(peer, chapter);
    for (size_t i = 0; i < page.found.count && i < count; i++) {
        const struct arrival *came = &page.found.items[i];
        if (strcmp(came->payload, payloads[i]) != 0) {
            check_fail(check, "%s: message %zu of the history is %s, expected %s", what, i + 1,
                       shown_bytes(bytes_of(came->payload)).text, shown_bytes(bytes_of(payloads[i])).text);
        }
    }
    if (page.found.count != count) {
        check_fail(check, "%s: expected %zu messages in the history, got %zu", what, count, page.found.count);
    }
    chapter_close(&page);
}

static void expect_heard(struct peer *peer, struct peer *from, size_t count, const char *what) {
    struct check *check = peer_check(peer);
    peer_wait_arrivals(peer, count, PATIENCE);
    peer_fence(peer, from);
    if (peer_arrivals(peer)->count != count) {
        check_fail(check, "%s: expected %zu messages to arrive, and %zu did", what, count,
                   peer_arrivals(peer)->count);
    }
}

// ---- once ----

static void repeated(struct check *check) {
    static const char *const taken[] = {"1", "2", "3", "3", "4"};
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "repeated");
    expect_subscribed(pair.to, chapter.channel);
    peer_forget(pair.to);
    struct peer_position first = put(pair.from, &chapter, "1", "first");
    put(pair.from, &chapter, "2", "second");
    for (int i = 0; i < 2; i++) {
        struct wshub_message bare = chapter_message(&chapter, "3");
        once_put(pair.from, &bare); // without a key it is another each time
    }
    for (int i = 0; i < 3; i++) {
        struct peer_position again = put(pair.from, &chapter, i == 2 ? "not this" : "1", "first");
        once_expect_same(check, &first, &again, "published again with its key");
    }
    put(pair.from, &chapter, "4", "fourth");
    expect_heard(pair.to, pair.from, 5, "5 published, one of them 4 times with one key");
    expect_taken(pair.from, &chapter, taken, 5, "5 published, one of them 4 times with one key");
}

// Keys that are other keys, however little differs; and channels that are others.
static void distinct(struct check *check) {
    static const char *const keys[] = {
        "k",
        "K",
        "kk",
        "k:k",
        "k/k",
        "*",
        "?",
        ">",
        "#",
        "{k}",
        "k\\",
        "\"k\"",
        "'k'",
        "%6B",
        "~!@$^&()_+-=[]|;,.<",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdee",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee",
        "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    };
    enum { KEYS = sizeof keys / sizeof keys[0] };
    struct pair pair = pair_open(check);
    struct chapter chapters[] = {chapter_of(check, "distinct"), chapter_of(check, "distinctk"),
                                 chapter_of(check, "distinct:k"), chapter_of(check, "distinct/k")};
    for (size_t i = 0; i < KEYS * 4; i++) {
        put(pair.from, &chapters[i % 4], keys[i / 4], keys[i / 4]);
    }
    for (size_t i = 0; i < 4; i++) {
        char what[96];
        snprintf(what, sizeof what, "%d keys, each on 4 channels", KEYS);
        expect_taken(pair.to, &chapters[i], keys, KEYS, what);
        for (size_t key = 0; key < KEYS; key++) {
            put(pair.to, &chapters[i], "again", keys[key]);
        }
        expect_taken(pair.from, &chapters[i], keys, KEYS, "each key published again");
    }
}

// ---- for its time ----

static bool never(void *context) {
    (void)context;
    return false;
}

static bool is_same(const struct peer_position *a, const struct peer_position *b) {
    return a->newest == b->newest && strcmp(a->epoch, b->epoch) == 0;
}

// It may be remembered for longer than was asked.
static void expires(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "expires");
    const uint64_t ttl = check_scaled(BRIEF), start = check_now();
    struct wshub_message message = once_message(&chapter, "1", "brief", ttl);
    struct peer_position first = once_put(pair.from, &message), again;
    uint64_t age;
    do {
        check_wait_exactly(check, never, NULL, POLL);
        age = (check_now() - start) / 1000000;
        again = once_put(pair.from, &message);
    } while (is_same(&first, &again) && age < ttl + check_scaled(LONGER));
    if (!is_same(&first, &again) && (check_now() - start) / 1000000 + CLOCKS < ttl) {
        check_fail(check,
                   "published with a key for %" PRIu64 " ms, and again %" PRIu64
                   " ms later: it was taken twice",
                   ttl, age);
    }
    check_figure(check, is_same(&first, &again) ? "key still known after" : "key forgotten after",
                 (double)age / 1000, "s");
}

// ---- by whoever ----

static void elsewhere(struct check *check) {
    static const char *const taken[] = {"1", "2"};
    struct pair pair = pair_open_two(check);
    struct chapter chapter = chapter_of(check, "elsewhere");
    expect_subscribed(pair.to, chapter.channel);
    peer_forget(pair.to);
    struct peer_position first = put(pair.from, &chapter, "1", "first");
    struct peer_position again = put(pair.to, &chapter, "1", "first");
    once_expect_same(check, &first, &again, "published again through another instance");
    struct peer_position second = put(pair.to, &chapter, "2", "second");
    peer_close(pair.from);
    struct peer *late = peer_open(check);
    again = put(late, &chapter, "1", "first");
    once_expect_same(check, &first, &again, "published again after the first instance was closed");
    again = put(late, &chapter, "2", "second");
    once_expect_same(check, &second, &again, "published again through an instance that was opened later");
    expect_heard(pair.to, late, 2, "2 published through two instances, 5 times");
    expect_taken(pair.to, &chapter, taken, 2, "2 published through two instances, 5 times");
}

static void at_once(struct check *check) {
    enum { ROUNDS = 20, TIMES = 10 };
    static const char *taken[ROUNDS];
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "at-once");
    char keys[ROUNDS][16];
    expect_subscribed(pair.to, chapter.channel);
    peer_forget(pair.to);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct peer_position told[TIMES];
        peer_call calls[TIMES];
        snprintf(keys[round], sizeof keys[round], "round-%u", round);
        taken[round] = keys[round];
        struct wshub_message message = once_message(&chapter, keys[round], keys[round], KEEP);
        for (unsigned i = 0; i < TIMES; i++) {
            struct peer *from = i % 2 ? pair.to : pair.from;
            calls[i] = peer_start_publish_at(from, &message, &told[i]);
            expect_status(check, WSHUB_OK, calls[i] ? WSHUB_OK : peer_refused(from),
                          "publish %u of %d at once with one key", i + 1, TIMES);
        }
        for (unsigned i = 0; i < TIMES; i++) {
            struct peer *from = i % 2 ? pair.to : pair.from;
            expect_status(check, WSHUB_OK, peer_finish(from, calls[i]),
                          "publish %u of %d at once with one key", i + 1, TIMES);
            once_expect_told(from, &message, &told[i]);
            once_expect_same(check, &told[0], &told[i], "published at once with one key");
        }
    }
    expect_heard(pair.to, pair.from, ROUNDS, "20 keys, each published 10 times at once");
    expect_taken(pair.from, &chapter, taken, ROUNDS, "20 keys, each published 10 times at once");
}

#define KEYS WSHUB_BROKER_HISTORY | WSHUB_BROKER_IDEMPOTENT, 0
const struct check_case cases_keys[] = {
    {"key-repeated", "published again with its key, a message is taken once, and answered alike", repeated,
     KEYS, 0},
    {"key-distinct", "another key, or another channel, is another message", distinct, KEYS, 60},
    {"key-expires", "a key is remembered for its time at least", expires, KEYS, 90},
    {"key-elsewhere", "whichever instance it is published through", elsewhere, KEYS, 0},
    {"key-at-once", "published at once with one key, a message is taken once", at_once, KEYS, 60},
    {0},
};
