// SPDX-License-Identifier: MIT
// History: what was published to a channel can be read again, from any place, by any instance. What must come
// back is kept in a model, beside the broker.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/expect.h"
#include "cases/pair.h"
#include "cases/shown.h"

enum {
    SIZE = 1000, // messages that a channel's history keeps, where a case does not say otherwise
    KEEP = 600000,
    BRIEF = 1500, // ms to live, where a history shall expire
    GRACE = 3000, // ms after which what has expired may still be there
    PATIENCE = 5000,
    WINDOW = 200, // publishes under way
};

struct chapter { // a channel with a history, and what is asked of it
    struct wshub_bytes channel;
    uint64_t size, ttl;
};

struct page { // an answer
    struct arrivals found;
    struct peer_position position;
};

static struct chapter chapter_of(struct check *check, const char *name) {
    return (struct chapter){check_channel(check, name), SIZE, KEEP};
}

static struct wshub_message message_in(const struct chapter *chapter, const char *payload) {
    struct wshub_message message = message_of(chapter->channel, payload);
    message.history_size = chapter->size;
    message.history_ttl = chapter->ttl;
    return message;
}

// ---- writing ----

static void put(struct peer *peer, const struct chapter *chapter, const char *payload) {
    struct wshub_message message = message_in(chapter, payload);
    expect_published(peer, &message);
}

static bool has_room(void *context) {
    return peer_in_flight(context) < WINDOW;
}

// The payloads are the numbers from `first` to `last`.
static void put_numbers(struct peer *peer, const struct chapter *chapter, unsigned first, unsigned last) {
    uint64_t failed = peer_failed(peer);
    for (unsigned i = first; i <= last; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%u", i);
        struct wshub_message message = message_in(chapter, payload);
        check_wait(peer_check(peer), has_room, peer, PATIENCE);
        peer_fire_publish(peer, &message);
    }
    if (!peer_wait_idle(peer, PATIENCE) || peer_failed(peer) > failed) {
        check_fail(peer_check(peer),
                   "published %u messages with a history: %" PRIu64 " failed, %zu were not completed",
                   last - first + 1, peer_failed(peer) - failed, peer_in_flight(peer));
    }
}

// ---- reading ----

static struct page read_page(struct peer *peer, const struct chapter *chapter, uint64_t after, uint64_t limit,
                             uint32_t flags) {
    const struct wshub_history_query query = {
        .struct_size = sizeof query,
        .flags = flags,
        .channel = chapter->channel,
        .size = chapter->size,
        .ttl = chapter->ttl,
        .after = after,
        .limit = limit,
    };
    struct page page = {0};
    expect_status(peer_check(peer), WSHUB_OK, peer_history(peer, &query, &page.found, &page.position),
                  "history of %s after %" PRIu64 ", limit %" PRIu64 "%s", shown_bytes(chapter->channel).text,
                  after, limit, flags & WSHUB_HISTORY_BACKWARDS ? ", backwards" : "");
    if (page.found.count > limit) {
        check_fail(peer_check(peer), "history of %s, limit %" PRIu64 ": %zu messages came",
                   shown_bytes(chapter->channel).text, limit, page.found.count);
    }
    return page;
}

static struct page read_all(struct peer *peer, const struct chapter *chapter) {
    return read_page(peer, chapter, 0, SIZE * 10, 0);
}

static void page_free(struct page *page) {
    arrivals_free(&page->found);
}

// ---- what is expected of a page ----

static void expect_position(struct check *check, const struct page *page, uint64_t oldest, uint64_t newest,
                            const char *what) {
    const struct peer_position *position = &page->position;
    if (position->oldest != oldest || position->newest != newest) {
        check_fail(check,
                   "%s: expected the position to be oldest %" PRIu64 ", newest %" PRIu64 "; it is %" PRIu64
                   ", %" PRIu64,
                   what, oldest, newest, position->oldest, position->newest);
    }
    if (newest > 0 && position->epoch[0] == '\0') {
        check_fail(check, "%s: the position has no epoch, and messages without one have no place", what);
    }
}

// Growing offsets, one epoch, and `previous` the one before, where it is known.
static void expect_in_order(struct check *check, const struct page *page, const char *what) {
    for (size_t i = 0; i < page->found.count; i++) {
        const struct arrival *at = &page->found.items[i], *before = i ? at - 1 : NULL;
        if (at->offset == 0 || (before && at->offset <= before->offset)) {
            check_fail(check, "%s: offset %" PRIu64 " came after %" PRIu64 ", expected them to grow", what,
                       at->offset, before ? before->offset : 0);
        }
        if (strcmp(at->epoch, page->position.epoch) != 0) {
            check_fail(check, "%s: a message has the epoch \"%.60s\", the position \"%.60s\"", what,
                       at->epoch, page->position.epoch);
        }
        if (before && at->previous != 0 && at->previous != before->offset) {
            check_fail(check,
                       "%s: at offset %" PRIu64 " previous is %" PRIu64 ", and the one before has %" PRIu64,
                       what, at->offset, at->previous, before->offset);
        }
    }
}

// The payloads are the numbers from `first` to `last`, in this order.
static void expect_numbers(struct check *check, const struct chapter *chapter, const struct page *page,
                           unsigned first, unsigned last, const char *what) {
    unsigned count = first <= last ? last - first + 1 : 0;
    for (unsigned i = 0; i < page->found.count && i < count; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%u", first + i);
        struct wshub_message message = message_in(chapter, expected);
        char at[128];
        snprintf(at, sizeof at, "%s, message %u of %u", what, i + 1, count);
        expect_whole(check, &message, &page->found.items[i], at);
    }
    if (page->found.count != count) {
        check_fail(check, "%s: expected %u messages, got %zu", what, count, page->found.count);
    }
}

static bool is_same(const struct arrival *a, const struct arrival *b) {
    return a->offset == b->offset && strcmp(a->epoch, b->epoch) == 0 &&
           a->payload_length == b->payload_length && memcmp(a->payload, b->payload, a->payload_length) == 0;
}

// `part` is what stands in `whole` from `first` on, going up or down.
static void expect_part(struct check *check, const struct page *whole, const struct page *part, size_t first,
                        size_t count, int step, const char *what) {
    for (size_t i = 0; i < count && i < part->found.count; i++) {
        const struct arrival *expected = &whole->found.items[step > 0 ? first + i : first - i];
        const struct arrival *came = &part->found.items[i];
        if (!is_same(expected, came)) {
            check_fail(
                check, "%s: message %zu has offset %" PRIu64 " and payload %s; expected %" PRIu64 " and %s",
                what, i + 1, came->offset, shown_bytes(bytes_from(came->payload, came->payload_length)).text,
                expected->offset, shown_bytes(bytes_from(expected->payload, expected->payload_length)).text);
        }
    }
    if (part->found.count != count) {
        check_fail(check, "%s: expected %zu messages, got %zu", what, count, part->found.count);
    }
}

// ---- nothing there ----

static void expect_empty(struct peer *peer, const struct chapter *chapter, const char *what) {
    struct page page = read_all(peer, chapter);
    if (page.found.count > 0) {
        const struct arrival *came = &page.found.items[0];
        check_fail(peer_check(peer), "%s: expected no messages, got %zu, the first %s", what,
                   page.found.count, shown_bytes(bytes_from(came->payload, came->payload_length)).text);
    }
    expect_position(peer_check(peer), &page, 0, 0, what);
    page_free(&page);
}

static void empty(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "empty"), other = chapter_of(check, "empty-not");
    put(pair.from, &other, "1");
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
        if (!is_same(live, kept)) {
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
    put_numbers(pair.from, &chapter, 1, 100);
    struct page page = read_all(pair.to, &chapter);
    expect_numbers(check, &chapter, &page, 1, 100, "100 messages");
    expect_in_order(check, &page, "100 messages");
    expect_live(pair.to, &page, "another instance");
    expect_live(pair.from, &page, "the instance that published it");
    page_free(&page);
}

static void position(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "position");
    for (unsigned i = 1; i <= 20; i++) {
        put_numbers(pair.from, &chapter, i, i);
        struct page page = read_all(pair.from, &chapter), none_of_it = read_page(pair.to, &chapter, 0, 0, 0);
        char what[64];
        snprintf(what, sizeof what, "limit 0 after %u messages", i);
        expect_numbers(check, &chapter, &page, 1, i, what);
        expect_position(check, &page, page.found.items[0].offset, page.found.items[i - 1].offset, what);
        expect_position(check, &none_of_it, page.position.oldest, page.position.newest, what);
        if (strcmp(page.position.epoch, none_of_it.position.epoch) != 0) {
            check_fail(check, "%s: the epoch is \"%.60s\", and with messages it is \"%.60s\"", what,
                       none_of_it.position.epoch, page.position.epoch);
        }
        page_free(&page);
        page_free(&none_of_it);
    }
}

// ---- reading in parts ----

static void forwards(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "forwards");
    put_numbers(pair.from, &chapter, 1, 300);
    struct peer *const peers[] = {pair.from, pair.to, peer_open(check)}; // one that came after
    for (int i = 0; i < 3; i++) {
        struct page page = read_all(pair.is_alone ? pair.from : peers[i], &chapter);
        expect_numbers(check, &chapter, &page, 1, 300, "forwards");
        expect_in_order(check, &page, "forwards");
        page_free(&page);
    }
}

static void backwards(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "backwards");
    put_numbers(pair.from, &chapter, 1, 300);
    struct page whole = read_all(pair.to, &chapter);
    expect_numbers(check, &chapter, &whole, 1, 300, "forwards");
    struct page page = read_page(pair.to, &chapter, 0, SIZE, WSHUB_HISTORY_BACKWARDS);
    expect_part(check, &whole, &page, 299, 300, -1, "backwards");
    expect_position(check, &page, whole.position.oldest, whole.position.newest, "backwards");
    page_free(&page);
    page_free(&whole);
}

// Any place, any limit, both ways.
static void after(struct check *check) {
    enum { MESSAGES = 60, QUERIES = 150 };
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "after");
    put_numbers(pair.from, &chapter, 1, MESSAGES);
    struct page whole = read_all(pair.to, &chapter);
    expect_numbers(check, &chapter, &whole, 1, MESSAGES, "forwards");
    for (int i = 0; i < QUERIES; i++) {
        size_t at = check_random(check) % MESSAGES, limit = 1 + check_random(check) % (MESSAGES + 5);
        bool down = check_random(check) % 2;
        uint64_t offset = whole.found.items[at].offset;
        size_t there = down ? at : MESSAGES - 1 - at, count = there < limit ? there : limit;
        struct page page = read_page(pair.to, &chapter, offset, limit, down ? WSHUB_HISTORY_BACKWARDS : 0);
        char what[96];
        snprintf(what, sizeof what, "%s after offset %" PRIu64 " (message %zu of %d), limit %zu",
                 down ? "backwards" : "forwards", offset, at + 1, MESSAGES, limit);
        expect_part(check, &whole, &page, down ? at - 1 : at + 1, count, down ? -1 : 1, what);
        expect_position(check, &page, whole.position.oldest, whole.position.newest, what);
        page_free(&page);
    }
    page_free(&whole);
}

// Offsets that no message has, as long as they lie between, before or behind those that are there.
static void after_any(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "after-any"), noise = chapter_of(check, "after-any-noise");
    for (unsigned i = 1; i <= 10; i++) {
        put_numbers(pair.from, &chapter, i, i);
        put_numbers(pair.from, &noise, i, i); // so that offsets of a store that is shared have gaps
    }
    struct page whole = read_all(pair.to, &chapter);
    expect_numbers(check, &chapter, &whole, 1, 10, "forwards");
    uint64_t oldest = whole.position.oldest, newest = whole.position.newest;
    for (uint64_t offset = oldest; offset <= newest + 1 && offset < oldest + 100; offset++) {
        size_t passed = 0;
        while (passed < 10 && whole.found.items[passed].offset <= offset) {
            passed++;
        }
        struct page page = read_page(pair.to, &chapter, offset, SIZE, 0);
        char what[64];
        snprintf(what, sizeof what, "forwards after offset %" PRIu64, offset);
        expect_part(check, &whole, &page, passed, 10 - passed, 1, what);
        page_free(&page);
    }
    struct page page = read_page(pair.to, &chapter, newest + 1, SIZE, WSHUB_HISTORY_BACKWARDS);
    expect_part(check, &whole, &page, 9, 10, -1, "backwards from beyond the newest");
    page_free(&page);
    page_free(&whole);
}

static void read_by_pages(struct peer *peer, const struct chapter *chapter, const struct page *whole,
                          size_t limit, bool down) {
    struct check *check = peer_check(peer);
    size_t total = whole->found.count, done = 0;
    uint64_t offset = 0;
    while (done < total) {
        size_t count = total - done < limit ? total - done : limit;
        struct page page = read_page(peer, chapter, offset, limit, down ? WSHUB_HISTORY_BACKWARDS : 0);
        char what[96];
        snprintf(what, sizeof what, "%s by pages of %zu, after %zu messages", down ? "backwards" : "forwards",
                 limit, done);
        expect_part(check, whole, &page, down ? total - 1 - done : done, count, down ? -1 : 1, what);
        done += count;
        offset = page.found.items[count - 1].offset;
        page_free(&page);
    }
    struct page page = read_page(peer, chapter, offset, limit, down ? WSHUB_HISTORY_BACKWARDS : 0);
    expect_part(check, whole, &page, 0, 0, 1, "behind the last page");
    page_free(&page);
}

static void paging(struct check *check) {
    enum { MESSAGES = 200 };
    static const size_t limits[] = {1, 7, 100, 199, 200};
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "paging");
    put_numbers(pair.from, &chapter, 1, MESSAGES);
    struct page whole = read_all(pair.to, &chapter);
    expect_numbers(check, &chapter, &whole, 1, MESSAGES, "forwards");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        read_by_pages(pair.to, &chapter, &whole, limits[i], false);
        read_by_pages(pair.to, &chapter, &whole, limits[i], true);
    }
    page_free(&whole);
}

// ---- bounds ----

static void bounded(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter chapter = {check_channel(check, "bounded"), 10, KEEP};
    struct chapter one = {check_channel(check, "bounded-1"), 1, KEEP};
    uint64_t newest = 0;
    for (unsigned last = 5; last <= 40; last += 7) {
        put_numbers(pair.from, &chapter, last == 5 ? 1 : last - 6, last);
        struct page page = read_all(pair.to, &chapter);
        char what[64];
        snprintf(what, sizeof what, "a history of 10 after %u messages", last);
        expect_numbers(check, &chapter, &page, last > 10 ? last - 9 : 1, last, what);
        expect_in_order(check, &page, what);
        expect_position(check, &page, page.found.items[0].offset,
                        page.found.items[page.found.count - 1].offset, what);
        if (page.position.newest <= newest) {
            check_fail(check, "%s: the newest offset was %" PRIu64 " and is %" PRIu64, what, newest,
                       page.position.newest);
        }
        newest = page.position.newest;
        page_free(&page);
    }
    put_numbers(pair.from, &one, 1, 5);
    struct page page = read_all(pair.to, &one);
    expect_numbers(check, &one, &page, 5, 5, "a history of 1 after 5 messages");
    page_free(&page);
}

static bool never(void *context) {
    (void)context;
    return false;
}

// Reads until nothing is there. Fails when something is missing too early, or there too late.
static void wait_for_expiry(struct peer *peer, const struct chapter *chapter, uint64_t start) {
    struct check *check = peer_check(peer);
    for (;;) {
        struct page page = read_all(peer, chapter);
        uint64_t age = (check_now() - start) / 1000000;
        size_t count = page.found.count;
        page_free(&page);
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
    put_numbers(pair.from, &kept, 1, 5);
    put_numbers(pair.from, &chapter, 1, 5);
    struct page before = read_page(pair.to, &chapter, 0, 0, 0);
    wait_for_expiry(pair.to, &chapter, start);
    put_numbers(pair.from, &chapter, 6, 6);
    struct page page = read_all(pair.to, &chapter), other = read_all(pair.to, &kept);
    expect_numbers(check, &chapter, &page, 6, 6, "one more, after 5 have expired");
    if (strcmp(before.position.epoch, page.position.epoch) == 0 &&
        page.position.newest <= before.position.newest) {
        check_fail(check,
                   "in one epoch the newest offset was %" PRIu64 ", all expired, and the next is %" PRIu64
                   ": offsets must grow, or the epoch change",
                   before.position.newest, page.position.newest);
    }
    expect_numbers(check, &kept, &other, 1, 5, "a history that lives longer");
    page_free(&page);
    page_free(&other);
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
            put_numbers(round % 2 ? pair.from : pair.to, &chapters[i], i * 100 + round + 1,
                        i * 100 + round + 1);
        }
    }
    for (unsigned i = 0; i < NAMES; i++) {
        struct page page = read_all(pair.to, &chapters[i]);
        char what[256];
        snprintf(what, sizeof what, "history of %s", shown_bytes(chapters[i].channel).text);
        expect_numbers(check, &chapters[i], &page, i * 100 + 1, i * 100 + EACH, what);
        page_free(&page);
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
        messages[i] = message_in(chapter, "");
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
    struct page page = read_all(pair.to, &chapter);
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
    page_free(&page);
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
        struct wshub_message message = message_in(&chapter, payload);
        peer_fire_publish(peers[i % 2], &message);
    }
    for (int i = 0; i < 2; i++) {
        if (!peer_wait_idle(peers[i], PATIENCE) || peer_failed(peers[i]) > 0) {
            check_fail(check, "%d publishes with a history: some failed, or were not completed", EACH * 2);
        }
    }
    struct page one = read_all(pair.from, &chapter), other = read_all(pair.to, &chapter);
    if (one.found.count != EACH * 2) {
        check_fail(check, "two instances published %d: the history has %zu", EACH * 2, one.found.count);
    }
    expect_in_order(check, &one, "published by two instances");
    expect_part(check, &one, &other, 0, one.found.count, 1, "read by two instances");
    expect_live(pair.from, &one, "the one");
    expect_live(pair.to, &one, "the other");
    page_free(&one);
    page_free(&other);
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
