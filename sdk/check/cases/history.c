// SPDX-License-Identifier: MIT
// History: what was published to a channel can be read again, from any place, by any instance. What must come
// back is kept in a model, beside the broker.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/chapter.h"
#include "cases/pair.h"
#include "cases/shown.h"

enum {
    SIZE = CHAPTER_SIZE,
    KEEP = CHAPTER_KEEP,
    PATIENCE = CHAPTER_PATIENCE,
    BRIEF = 1500, // ms to live, where a history shall expire
    GRACE = 3000, // ms after which what has expired may still be there
};

// ---- nothing there ----

static void expect_empty(struct peer *peer, const struct chapter *chapter, const char *what) {
    struct page page = chapter_read_all(peer, chapter);
    if (page.found.count > 0) {
        const struct arrival *came = &page.found.items[0];
        check_fail(peer_check(peer), "%s: expected no messages, got %zu, the first %s", what,
                   page.found.count, shown_bytes(bytes_from(came->payload, came->payload_length)).text);
    }
    chapter_expect_position(peer_check(peer), &page, 0, 0, what);
    chapter_close(&page);
}

static void empty(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "empty"), other = chapter_of(check, "empty-not");
    chapter_put(pair.from, &other, "1");
    expect_empty(pair.from, &chapter, "a channel that nothing was published to");
    expect_subscribed(pair.to, chapter.channel);
    expect_empty(pair.to, &chapter, "a channel that was only subscribed");
}

// Messages without history_size are not kept, and have no position.
static void none(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "none");
    struct wshub_message message = message_of(chapter.channel, "\"not kept\"");
    expect_subscribed(pair.to, chapter.channel);
    const struct arrival *came = expect_once(pair.from, pair.to, &message, "without a history");
    if (came->offset != 0 || came->epoch[0] != '\0') {
        check_fail(check, "published without a history, and it came with offset %" PRIu64 ", epoch \"%.60s\"",
                   came->offset, came->epoch);
    }
    expect_empty(pair.from, &chapter, "a channel that was published to without a history");
}

// ---- positions ----

static void expect_live(struct peer *peer, const struct page *history, const char *who) {
    struct check *check = peer_check(peer);
    if (!peer_wait_arrivals(peer, history->found.count, PATIENCE)) {
        check_fail(check, "published %zu with a history: %zu arrived at %s", history->found.count,
                   peer_arrivals(peer)->count, who);
    }
    for (size_t i = 0; i < history->found.count; i++) {
        const struct arrival *live = &peer_arrivals(peer)->items[i], *kept = &history->found.items[i];
        if (live->offset == 0 || live->epoch[0] == '\0') {
            check_fail(check,
                       "message %zu of a channel with a history arrived at %s with offset %" PRIu64
                       ", epoch \"%.60s\": expected both",
                       i + 1, who, live->offset, live->epoch);
        }
        if (!chapter_is_same(live, kept)) {
            check_fail(check,
                       "message %zu arrived at %s with offset %" PRIu64 ", payload %s; the history has there "
                       "offset %" PRIu64 ", payload %s",
                       i + 1, who, live->offset, shown_bytes(bytes_of(live->payload)).text, kept->offset,
                       shown_bytes(bytes_of(kept->payload)).text);
        }
        if (i > 0 && live->previous != 0 && live->previous != live[-1].offset) {
            check_fail(check,
                       "message %zu arrived at %s with previous %" PRIu64
                       "; the one before it has offset %" PRIu64,
                       i + 1, who, live->previous, live[-1].offset);
        }
    }
}

static void live(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "live");
    expect_subscribed(pair.from, chapter.channel);
    if (!pair.is_alone) {
        expect_subscribed(pair.to, chapter.channel);
    }
    peer_forget(pair.from);
    peer_forget(pair.to);
    chapter_put_numbers(pair.from, &chapter, 1, 100);
    struct page page = chapter_read_all(pair.to, &chapter);
    chapter_expect_numbers(check, &chapter, &page, 1, 100, "100 messages");
    chapter_expect_order(check, &page, "100 messages");
    expect_live(pair.to, &page, "another instance");
    expect_live(pair.from, &page, "the instance that published it");
    chapter_close(&page);
}

static void position(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "position");
    for (unsigned i = 1; i <= 20; i++) {
        chapter_put_numbers(pair.from, &chapter, i, i);
        struct page page = chapter_read_all(pair.from, &chapter),
                    none_of_it = chapter_read(pair.to, &chapter, 0, 0, 0);
        char what[64];
        snprintf(what, sizeof what, "limit 0 after %u messages", i);
        chapter_expect_numbers(check, &chapter, &page, 1, i, what);
        chapter_expect_position(check, &page, page.found.items[0].offset, page.found.items[i - 1].offset,
                                what);
        chapter_expect_position(check, &none_of_it, page.position.oldest, page.position.newest, what);
        if (strcmp(page.position.epoch, none_of_it.position.epoch) != 0) {
            check_fail(check, "%s: the epoch is \"%.60s\", and with messages it is \"%.60s\"", what,
                       none_of_it.position.epoch, page.position.epoch);
        }
        chapter_close(&page);
        chapter_close(&none_of_it);
    }
}

// ---- reading in parts ----

static void forwards(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "forwards");
    chapter_put_numbers(pair.from, &chapter, 1, 300);
    struct peer *const peers[] = {pair.from, pair.to, peer_open(check)}; // one that came after
    for (int i = 0; i < 3; i++) {
        struct page page = chapter_read_all(pair.is_alone ? pair.from : peers[i], &chapter);
        chapter_expect_numbers(check, &chapter, &page, 1, 300, "forwards");
        chapter_expect_order(check, &page, "forwards");
        chapter_close(&page);
    }
}

static void backwards(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "backwards");
    chapter_put_numbers(pair.from, &chapter, 1, 300);
    struct page whole = chapter_read_all(pair.to, &chapter);
    chapter_expect_numbers(check, &chapter, &whole, 1, 300, "forwards");
    struct page page = chapter_read(pair.to, &chapter, 0, SIZE, WSHUB_HISTORY_BACKWARDS);
    chapter_expect_part(check, &whole, &page, 299, 300, -1, "backwards");
    chapter_expect_position(check, &page, whole.position.oldest, whole.position.newest, "backwards");
    chapter_close(&page);
    chapter_close(&whole);
}

// Any place, any limit, both ways.
static void after(struct check *check) {
    enum { MESSAGES = 60, QUERIES = 150 };
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "after");
    chapter_put_numbers(pair.from, &chapter, 1, MESSAGES);
    struct page whole = chapter_read_all(pair.to, &chapter);
    chapter_expect_numbers(check, &chapter, &whole, 1, MESSAGES, "forwards");
    for (int i = 0; i < QUERIES; i++) {
        size_t at = check_random(check) % MESSAGES, limit = 1 + check_random(check) % (MESSAGES + 5);
        bool down = check_random(check) % 2;
        uint64_t offset = whole.found.items[at].offset;
        size_t there = down ? at : MESSAGES - 1 - at, count = there < limit ? there : limit;
        struct page page = chapter_read(pair.to, &chapter, offset, limit, down ? WSHUB_HISTORY_BACKWARDS : 0);
        char what[96];
        snprintf(what, sizeof what, "%s after offset %" PRIu64 " (message %zu of %d), limit %zu",
                 down ? "backwards" : "forwards", offset, at + 1, MESSAGES, limit);
        chapter_expect_part(check, &whole, &page, down ? at - 1 : at + 1, count, down ? -1 : 1, what);
        chapter_expect_position(check, &page, whole.position.oldest, whole.position.newest, what);
        chapter_close(&page);
    }
    chapter_close(&whole);
}

// Offsets that no message has, as long as they lie between, before or behind those that are there.
static void after_any(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "after-any"), noise = chapter_of(check, "after-any-noise");
    for (unsigned i = 1; i <= 10; i++) {
        chapter_put_numbers(pair.from, &chapter, i, i);
        chapter_put_numbers(pair.from, &noise, i, i); // so that offsets of a store that is shared have gaps
    }
    struct page whole = chapter_read_all(pair.to, &chapter);
    chapter_expect_numbers(check, &chapter, &whole, 1, 10, "forwards");
    uint64_t oldest = whole.position.oldest, newest = whole.position.newest;
    for (uint64_t offset = oldest; offset <= newest + 1 && offset < oldest + 100; offset++) {
        size_t passed = 0;
        while (passed < 10 && whole.found.items[passed].offset <= offset) {
            passed++;
        }
        struct page page = chapter_read(pair.to, &chapter, offset, SIZE, 0);
        char what[64];
        snprintf(what, sizeof what, "forwards after offset %" PRIu64, offset);
        chapter_expect_part(check, &whole, &page, passed, 10 - passed, 1, what);
        chapter_close(&page);
    }
    struct page page = chapter_read(pair.to, &chapter, newest + 1, SIZE, WSHUB_HISTORY_BACKWARDS);
    chapter_expect_part(check, &whole, &page, 9, 10, -1, "backwards from beyond the newest");
    chapter_close(&page);
    chapter_close(&whole);
}

static void read_by_pages(struct peer *peer, const struct chapter *chapter, const struct page *whole,
                          size_t limit, bool down) {
    struct check *check = peer_check(peer);
    size_t total = whole->found.count, done = 0;
    uint64_t offset = 0;
    while (done < total) {
        size_t count = total - done < limit ? total - done : limit;
        struct page page = chapter_read(peer, chapter, offset, limit, down ? WSHUB_HISTORY_BACKWARDS : 0);
        char what[96];
        snprintf(what, sizeof what, "%s by pages of %zu, after %zu messages", down ? "backwards" : "forwards",
                 limit, done);
        chapter_expect_part(check, whole, &page, down ? total - 1 - done : done, count, down ? -1 : 1, what);
        done += count;
        offset = page.found.items[count - 1].offset;
        chapter_close(&page);
    }
    struct page page = chapter_read(peer, chapter, offset, limit, down ? WSHUB_HISTORY_BACKWARDS : 0);
    chapter_expect_part(check, whole, &page, 0, 0, 1, "behind the last page");
    chapter_close(&page);
}

static void paging(struct check *check) {
    enum { MESSAGES = 200 };
    static const size_t limits[] = {1, 7, 100, 199, 200};
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "paging");
    chapter_put_numbers(pair.from, &chapter, 1, MESSAGES);
    struct page whole = chapter_read_all(pair.to, &chapter);
    chapter_expect_numbers(check, &chapter, &whole, 1, MESSAGES, "forwards");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        read_by_pages(pair.to, &chapter, &whole, limits[i], false);
        read_by_pages(pair.to, &chapter, &whole, limits[i], true);
    }
    chapter_close(&whole);
}

// ---- bounds ----

static void bounded(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = {check_channel(check, "bounded"), 10, KEEP};
    struct chapter one = {check_channel(check, "bounded-1"), 1, KEEP};
    uint64_t newest = 0;
    for (unsigned last = 5; last <= 40; last += 7) {
        chapter_put_numbers(pair.from, &chapter, last == 5 ? 1 : last - 6, last);
        struct page page = chapter_read_all(pair.to, &chapter);
        char what[64];
        snprintf(what, sizeof what, "a history of 10 after %u messages", last);
        chapter_expect_numbers(check, &chapter, &page, last > 10 ? last - 9 : 1, last, what);
        chapter_expect_order(check, &page, what);
        chapter_expect_position(check, &page, page.found.items[0].offset,
                                page.found.items[page.found.count - 1].offset, what);
        if (page.position.newest <= newest) {
            check_fail(check, "%s: the newest offset was %" PRIu64 " and is %" PRIu64, what, newest,
                       page.position.newest);
        }
        newest = page.position.newest;
        chapter_close(&page);
    }
    chapter_put_numbers(pair.from, &one, 1, 5);
    struct page page = chapter_read_all(pair.to, &one);
    chapter_expect_numbers(check, &one, &page, 5, 5, "a history of 1 after 5 messages");
    chapter_close(&page);
}

static bool never(void *context) {
    (void)context;
    return false;
}

// Reads until nothing is there. Fails when something is missing too early, or there too late.
static void wait_for_expiry(struct peer *peer, const struct chapter *chapter, uint64_t start) {
    struct check *check = peer_check(peer);
    for (;;) {
        struct page page = chapter_read_all(peer, chapter);
        uint64_t age = (check_now() - start) / 1000000;
        size_t count = page.found.count;
        chapter_close(&page);
        if (count < 5 && age + 100 < chapter->ttl) {
            check_fail(check,
                       "5 messages with a history of %" PRIu64 " ms: after %" PRIu64 " ms %zu were there",
                       chapter->ttl, age, count);
        }
        if (count == 0) {
            return;
        }
        if (age > chapter->ttl + check_scaled(GRACE)) {
            check_fail(check,
                       "5 messages with a history of %" PRIu64 " ms: after %" PRIu64
                       " ms %zu are still there",
                       chapter->ttl, age, count);
        }
        check_wait_exactly(check, never, NULL, 50);
    }
}

static void expires(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = {check_channel(check, "expires"), SIZE, check_scaled(BRIEF)};
    struct chapter kept = chapter_of(check, "expires-not");
    uint64_t start = check_now();
    chapter_put_numbers(pair.from, &kept, 1, 5);
    chapter_put_numbers(pair.from, &chapter, 1, 5);
    struct page before = chapter_read(pair.to, &chapter, 0, 0, 0);
    wait_for_expiry(pair.to, &chapter, start);
    chapter_put_numbers(pair.from, &chapter, 6, 6);
    struct page page = chapter_read_all(pair.to, &chapter), other = chapter_read_all(pair.to, &kept);
    chapter_expect_numbers(check, &chapter, &page, 6, 6, "one more, after 5 have expired");
    if (strcmp(before.position.epoch, page.position.epoch) == 0 &&
        page.position.newest <= before.position.newest) {
        check_fail(check,
                   "in one epoch the newest offset was %" PRIu64 ", all expired, and the next is %" PRIu64
                   ": offsets must grow, or the epoch change",
                   before.position.newest, page.position.newest);
    }
    chapter_expect_numbers(check, &kept, &other, 1, 5, "a history that lives longer");
    chapter_close(&page);
    chapter_close(&other);
}

// ---- what is in it ----

static void isolation(struct check *check) {
    static const char *const names[] = {"a", "b", "a.b", "a.b.c", "a/b", "a.*", "a.>", "a/+", "a/#",
                                        "*", ">", "#",   "+",     "A",   "a ",  "a%",  "a:b", "[ab]"};
    enum { NAMES = sizeof names / sizeof names[0], EACH = 5 };
    struct pair pair = pair_open(check);
    struct chapter chapters[NAMES];
    for (size_t i = 0; i < NAMES; i++) {
        chapters[i] = chapter_of(check, names[i]);
    }
    for (unsigned round = 0; round < EACH; round++) {
        for (unsigned i = 0; i < NAMES; i++) {
            chapter_put_numbers(round % 2 ? pair.from : pair.to, &chapters[i], i * 100 + round + 1,
                                i * 100 + round + 1);
        }
    }
    for (unsigned i = 0; i < NAMES; i++) {
        struct page page = chapter_read_all(pair.to, &chapters[i]);
        char what[256];
        snprintf(what, sizeof what, "history of %s", shown_bytes(chapters[i].channel).text);
        chapter_expect_numbers(check, &chapters[i], &page, i * 100 + 1, i * 100 + EACH, what);
        chapter_close(&page);
    }
}

enum { SPECIMENS = 7, LARGE = 65536 };

// Messages that are easily damaged. `large` has LARGE bytes.
static void fill_specimens(struct wshub_message messages[SPECIMENS], const struct chapter *chapter,
                           const char *large) {
    static const char *const users[SPECIMENS] = {"", "alice", "Zo\xC3\xAB", "", " blanks ", "u", ""};
    const struct wshub_bytes payloads[SPECIMENS] = {
        bytes_of("{\"a\":1}"),
        bytes_from("a\0b\0", 4),
        bytes_from("\xFF\xFE\x80", 3),
        bytes_from("", 0),
        bytes_from("\xFFwsh\x01\0\0\0x", 9),
        bytes_from(large, LARGE),
        bytes_of("last"),
    };
    for (int i = 0; i < SPECIMENS; i++) {
        messages[i] = chapter_message(chapter, "");
        messages[i].payload = payloads[i];
        messages[i].sender = bytes_of(i % 2 ? "0123456789abcdef" : "");
        messages[i].sender_user = bytes_of(users[i]);
        messages[i].exclude = bytes_of(i % 3 == 1 ? "0123456789abcdef 0123456789abcdee" : "");
    }
}

static void whole(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "whole");
    struct wshub_message messages[SPECIMENS];
    char *large = expect_memory(check, LARGE, 1);
    for (int i = 0; i < LARGE; i++) {
        large[i] = (char)(i * 7 + i / 256);
    }
    fill_specimens(messages, &chapter, large);
    expect_subscribed(pair.to, chapter.channel);
    peer_forget(pair.to);
    for (int i = 0; i < SPECIMENS; i++) {
        expect_published(pair.from, &messages[i]);
    }
    if (!peer_wait_arrivals(pair.to, SPECIMENS, PATIENCE)) {
        check_fail(check, "published %d with a history: %zu arrived", SPECIMENS,
                   peer_arrivals(pair.to)->count);
    }
    struct page page = chapter_read_all(pair.to, &chapter);
    if (page.found.count != SPECIMENS) {
        check_fail(check, "published %d: the history has %zu", SPECIMENS, page.found.count);
    }
    for (int i = 0; i < SPECIMENS; i++) {
        char what[48];
        snprintf(what, sizeof what, "message %d, live", i + 1);
        expect_whole(check, &messages[i], &peer_arrivals(pair.to)->items[i], what);
        snprintf(what, sizeof what, "message %d, in the history", i + 1);
        expect_whole(check, &messages[i], &page.found.items[i], what);
    }
    chapter_close(&page);
    free(large);
}

// Two publish at once; there is one history, and both have seen it so.
static void agreement(struct check *check) {
    enum { EACH = 200 };
    struct pair pair = pair_open_two(check);
    struct chapter chapter = chapter_of(check, "agreed");
    struct peer *const peers[] = {pair.from, pair.to};
    for (int i = 0; i < 2; i++) {
        expect_subscribed(peers[i], chapter.channel);
        peer_forget(peers[i]);
    }
    for (unsigned i = 0; i < EACH * 2; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%u", i);
        struct wshub_message message = chapter_message(&chapter, payload);
        peer_fire_publish(peers[i % 2], &message);
    }
    for (int i = 0; i < 2; i++) {
        if (!peer_wait_idle(peers[i], PATIENCE) || peer_failed(peers[i]) > 0) {
            check_fail(check, "%d publishes with a history: some failed, or were not completed", EACH * 2);
        }
    }
    struct page one = chapter_read_all(pair.from, &chapter), other = chapter_read_all(pair.to, &chapter);
    if (one.found.count != EACH * 2) {
        check_fail(check, "two instances published %d: the history has %zu", EACH * 2, one.found.count);
    }
    chapter_expect_order(check, &one, "published by two instances");
    chapter_expect_part(check, &one, &other, 0, one.found.count, 1, "read by two instances");
    expect_live(pair.from, &one, "the one");
    expect_live(pair.to, &one, "the other");
    chapter_close(&one);
    chapter_close(&other);
}

#define HISTORY WSHUB_BROKER_HISTORY, 0
const struct check_case cases_history[] = {
    {"history-empty", "a channel that nothing was published to has an empty history", empty, HISTORY, 0},
    {"history-none", "what is published without a history is not kept, and has no position", none, HISTORY,
     0},
    {"history-live", "messages arrive with the positions that the history has for them", live, HISTORY, 0},
    {"history-position", "oldest, newest and epoch are right, with limit 0 too", position, HISTORY, 0},
    {"history-forwards", "all, in the order of their offsets, for any instance", forwards, HISTORY, 0},
    {"history-backwards", "all, from the newest to the oldest", backwards, HISTORY, 0},
    {"history-after", "from any place, with any limit, both ways", after, HISTORY, 0},
    {"history-after-any", "from an offset that no message has", after_any, HISTORY, 0},
    {"history-paging", "page after page, nothing is missing and nothing repeated", paging, HISTORY, 60},
    {"history-size", "history_size messages are kept, the oldest go", bounded, HISTORY, 0},
    {"history-ttl", "messages expire after history_ttl, and offsets never come back", expires, HISTORY, 0},
    {"history-isolation", "each channel has its own history", isolation, HISTORY, 0},
    {"history-whole", "payloads and metadata are kept as they were", whole, HISTORY, 0},
    {"history-agreement", "two instances that publish at once share one history", agreement, HISTORY, 0},
    {0},
};
