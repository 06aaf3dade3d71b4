// SPDX-License-Identifier: MIT
// Positions: what a publish is told, what the history has and what arrives are one and the same; nothing lies
// between two messages that says it follows the other. A hub recovers by nothing else.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/chapter.h"
#include "cases/once.h"
#include "cases/pair.h"
#include "cases/shown.h"

enum {
    PATIENCE = CHAPTER_PATIENCE,
    BRIEF = 1500, // ms to live, where a history shall expire
    GRACE = 3000, // ms after which what has expired may still be there
};

// ---- what a publish is told ----

static void expect_at(struct check *check, const struct peer_position *told, const struct arrival *came,
                      const char *what) {
    if (told->newest != came->offset || strcmp(told->epoch, came->epoch) != 0) {
        check_fail(check,
                   "%s: the publish of %s was told offset %" PRIu64 ", epoch \"%s\"; it has offset %" PRIu64
                   ", epoch \"%s\"",
                   what, shown_bytes(bytes_of(came->payload)).text, told->newest, told->epoch, came->offset,
                   came->epoch);
    }
}

// Payloads are the numbers from 0 on, and index what was told.
static void expect_told(struct check *check, const struct peer_position *told, const struct arrivals *came,
                        size_t count, const char *what) {
    if (came->count != count) {
        check_fail(check, "%s: published %zu, and %zu are there", what, count, came->count);
    }
    for (size_t i = 0; i < count; i++) {
        size_t number = strtoull(came->items[i].payload, NULL, 10);
        if (number >= count) {
            check_fail(check, "%s: %s came, which nobody published", what,
                       shown_bytes(bytes_of(came->items[i].payload)).text);
        }
        expect_at(check, &told[number], &came->items[i], what);
    }
}

// One after the other, then all at once; by both in turns.
static void publish_numbers(const struct pair *pair, const struct chapter *chapter,
                            struct peer_position *told, size_t count) {
    peer_call *calls = expect_memory(pair->check, count, sizeof *calls);
    char payload[24];
    for (size_t i = 0; i < count; i++) {
        struct peer *from = i % 2 ? pair->to : pair->from;
        snprintf(payload, sizeof payload, "%zu", i);
        struct wshub_message message = chapter_message(chapter, payload);
        if (i < count / 3) {
            told[i] = once_put(from, &message);
        } else {
            calls[i] = peer_start_publish_at(from, &message, &told[i]);
            expect_status(pair->check, WSHUB_OK, calls[i] ? WSHUB_OK : peer_refused(from),
                          "publish %zu of %zu, many under way", i + 1, count);
        }
    }
    for (size_t i = count / 3; i < count; i++) {
        expect_status(pair->check, WSHUB_OK, peer_finish(i % 2 ? pair->to : pair->from, calls[i]),
                      "publish %zu of %zu, many under way", i + 1, count);
    }
    free(calls);
}

static void tells_position(struct check *check) {
    enum { MESSAGES = 150 };
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "told");
    struct peer_position *told = expect_memory(check, MESSAGES, sizeof *told);
    expect_subscribed(pair.to, chapter.channel);
    peer_forget(pair.to);
    publish_numbers(&pair, &chapter, told, MESSAGES);
    struct page page = chapter_read_all(pair.from, &chapter);
    expect_told(check, told, &page.found, MESSAGES, "in the history");
    peer_wait_arrivals(pair.to, MESSAGES, PATIENCE);
    expect_told(check, told, peer_arrivals(pair.to), MESSAGES, "live");
    chapter_close(&page);
    free(told);
}

// Whose messages end before the key, and whose publishes are told nothing: both are looked at by the host.
static void older_hub(struct check *check) {
    const uint32_t minor = check_plugin(check)->abi_minor;
    if (minor >= 3) {
        check_skip(check, "it asks for ABI 1.%" PRIu32 ": no hub of ABI 1.2 loads it", minor);
    }
    struct peer *peer = peer_open_with(check, &(struct peer_settings){.host_minor = 2 + 1});
    struct chapter chapter = chapter_of(check, "older");
    peer_set_strict(peer, true);
    chapter_put_numbers(peer, &chapter, 1, 20);
    struct page page = chapter_read_all(peer, &chapter);
    chapter_expect_numbers(check, &chapter, &page, 1, 20, "under a hub of ABI 1.2");
    chapter_close(&page);
}

// ---- the chain ----

struct chain {
    uint64_t last;
    size_t seen, known; // messages behind the first, and those of them that name the one before
};

static void follow(struct check *check, struct chain *chain, const struct arrival *came, const char *where) {
    if (chain->last > 0) {
        chain->seen++;
        chain->known += came->previous != 0;
    }
    if (chain->last > 0 && came->previous != 0 && came->previous != chain->last) {
        check_fail(check,
                   "%s: offset %" PRIu64 " says that %" PRIu64
                   " is before it, and the one before it has %" PRIu64,
                   where, came->offset, came->previous, chain->last);
    }
    if (came->previous >= came->offset) {
        check_fail(check, "%s: offset %" PRIu64 " says that %" PRIu64 " is before it", where, came->offset,
                   came->previous);
    }
    chain->last = came->offset;
}

static struct chain follow_pages(struct peer *peer, const struct chapter *chapter, size_t limit) {
    struct chain chain = {.last = 0};
    for (;;) {
        struct page page = chapter_read(peer, chapter, chain.last, limit, 0);
        size_t count = page.found.count;
        for (size_t i = 0; i < count; i++) {
            follow(peer_check(peer), &chain, &page.found.items[i], "in the history, page after page");
            chain.known += i == 0 && chain.seen > 0 && page.found.items[i].previous == 0; // the query said it
        }
        chapter_close(&page);
        if (count == 0) {
            return chain;
        }
    }
}

static struct chain follow_live(struct peer *peer, const struct chapter *chapter) {
    const struct arrivals *came = peer_arrivals(peer);
    struct chain chain = {.last = 0};
    for (size_t i = 0; i < came->count; i++) {
        const struct arrival *one = &came->items[i];
        if (bytes_are(chapter->channel, one->channel, one->channel_length)) {
            follow(peer_check(peer), &chain, one, "live");
        }
    }
    return chain;
}

// Where offsets are dense, the numbers themselves say it.
static void expect_known(struct check *check, const struct chain *chain, const char *where) {
    if (chain->known < chain->seen && !check_can(check, WSHUB_BROKER_DENSE)) {
        check_warn(
            check,
            "%s %zu of %zu messages do not say which is before them, and offsets are not claimed to be "
            "dense: a hub cannot see that one is missing",
            where, chain->seen - chain->known, chain->seen);
    }
}

static void unbroken(struct check *check) {
    enum { MESSAGES = 60 };
    struct pair pair = pair_open(check);
    struct chapter chapter = chapter_of(check, "chain"), noise = chapter_of(check, "chain-noise");
    expect_subscribed(pair.to, chapter.channel);
    expect_subscribed(pair.to, noise.channel);
    peer_forget(pair.to);
    for (unsigned i = 1; i <= MESSAGES; i++) {
        chapter_put_numbers(i % 3 ? pair.from : pair.to, &chapter, i, i);
        chapter_put_numbers(i % 2 ? pair.from : pair.to, &noise, 1, i % 4);
    }
    peer_wait_arrivals(pair.to, MESSAGES + MESSAGES / 4 * 6, PATIENCE);
    struct chain live = follow_live(pair.to, &chapter);
    struct chain kept = follow_pages(pair.from, &chapter, 7);
    if (live.seen != MESSAGES - 1 || kept.seen != MESSAGES - 1) {
        check_fail(check, "published %d: %zu arrived, and the history has %zu", MESSAGES, live.seen + 1,
                   kept.seen + 1);
    }
    expect_known(check, &live, "of what came live");
    expect_known(check, &kept, "of what the history has");
}

// ---- density ----

static void expect_consecutive(struct check *check, const struct arrivals *found, const char *what) {
    for (size_t i = 1; i < found->count; i++) {
        if (found->items[i].offset != found->items[i - 1].offset + 1) {
            check_fail(check, "%s: offset %" PRIu64 " is followed by %" PRIu64 ", expected the next number",
                       what, found->items[i - 1].offset, found->items[i].offset);
        }
    }
}

static void dense(struct check *check) {
    enum { EACH = 150 };
    struct pair pair = pair_open_two(check);
    struct chapter chapter = chapter_of(check, "dense"), noise = chapter_of(check, "dense-noise");
    expect_subscribed(pair.to, chapter.channel);
    peer_forget(pair.to);
    for (unsigned i = 0; i < EACH; i++) {
        struct wshub_message message = chapter_message(&chapter, "1"), other = chapter_message(&noise, "1");
        peer_fire_publish(pair.from, &message);
        peer_fire_publish(i % 2 ? pair.from : pair.to, &other);
        peer_fire_publish(pair.to, &message);
    }
    if (!peer_wait_idle(pair.from, PATIENCE) || !peer_wait_idle(pair.to, PATIENCE) ||
        peer_failed(pair.from) + peer_failed(pair.to) > 0) {
        check_fail(check, "%d publishes with a history: some failed, or were not completed", EACH * 3);
    }
    struct page page = chapter_read_all(pair.to, &chapter);
    if (page.found.count != EACH * 2) {
        check_fail(check, "two instances published %d: the history has %zu", EACH * 2, page.found.count);
    }
    expect_consecutive(check, &page.found, "published by two instances, in the history");
    peer_wait_arrivals(pair.to, EACH * 2, PATIENCE);
    expect_consecutive(check, peer_arrivals(pair.to), "published by two instances, live");
    chapter_close(&page);
}

static bool never(void *context) {
    (void)context;
    return false;
}

static struct page wait_for_expiry(struct peer *peer, const struct chapter *chapter) {
    struct check *check = peer_check(peer);
    const uint64_t until = check_now() + (chapter->ttl + check_scaled(GRACE)) * 1000000;
    for (;;) {
        struct page page = chapter_read_all(peer, chapter);
        if (page.found.count == 0) {
            return page;
        }
        if (check_now() > until) {
            check_fail(check, "a history of %" PRIu64 " ms has not expired", chapter->ttl);
        }
        chapter_close(&page);
        check_wait_exactly(check, never, NULL, 50);
    }
}

// What was dropped for its number or its age leaves no hole, and its numbers do not come back.
static void dense_bounds(struct check *check) {
    struct pair pair = pair_open(check);
    struct chapter few = {check_channel(check, "dense-few"), 10, CHAPTER_KEEP};
    struct chapter brief = {check_channel(check, "dense-brief"), CHAPTER_SIZE, check_scaled(BRIEF)};
    chapter_put_numbers(pair.from, &few, 1, 35);
    struct page page = chapter_read_all(pair.to, &few);
    expect_consecutive(check, &page.found, "35 published, 10 kept");
    chapter_expect_position(check, &page, page.position.newest - 9, page.position.newest,
                            "35 published, 10 kept");
    chapter_close(&page);
    chapter_put_numbers(pair.from, &brief, 1, 5);
    struct page empty = wait_for_expiry(pair.to, &brief);
    struct wshub_message message = chapter_message(&brief, "6");
    struct peer_position next = once_put(pair.from, &message);
    if (strcmp(next.epoch, empty.position.epoch) == 0 && next.newest != empty.position.newest + 1) {
        check_fail(check,
                   "all have expired, the newest had offset %" PRIu64 ", and the next has %" PRIu64
                   " in the same epoch: expected the next number",
                   empty.position.newest, next.newest);
    }
    chapter_close(&empty);
}

// ---- positions of another broker's history ----

static void carries(struct check *check) {
    static const struct {
        const char *epoch;
        uint64_t offset;
    } places[] = {
        {"e", 1},
        {"7f3a-1", UINT64_C(0x123456789abcdef0)},
        {"0123456789012345678901234567890123456789012345678901234567890123", UINT64_MAX},
        {"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", 44},
    };
    struct pair pair = pair_open(check);
    struct wshub_bytes channel = check_channel(check, "carries");
    expect_subscribed(pair.to, channel);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct wshub_message message = message_of(channel, "{\"carried\":true}");
        message.sender = bytes_of("0123456789abcdef");
        message.epoch = bytes_of(places[i].epoch);
        message.offset = places[i].offset;
        const struct arrival *came =
            expect_once(pair.from, pair.to, &message, "with a position of elsewhere");
        if (strcmp(came->epoch, places[i].epoch) == 0 && came->offset == places[i].offset) {
            continue;
        }
        (check_plugin(check)->abi_minor >= 3 ? check_fail : check_warn)(
            check,
            "published with offset %" PRIu64
            ", epoch \"%s\" of another broker's history; it came with %" PRIu64
            ", \"%s\": expected them as they were",
            places[i].offset, places[i].epoch, came->offset, came->epoch);
        return;
    }
}

#define HISTORY WSHUB_BROKER_HISTORY, 0
#define DENSE WSHUB_BROKER_HISTORY | WSHUB_BROKER_DENSE, 0
const struct check_case cases_positions[] = {
    {"publish-position", "a publish is told the position that the history and subscribers see",
     tells_position, HISTORY, 0},
    {"position-older-hub", "a hub of ABI 1.2 is told of histories alone", older_hub, HISTORY, 0},
    {"position-chain", "each message follows the one that it says is before it, live and page after page",
     unbroken, HISTORY, 0},
    {"dense", "offsets are consecutive, whoever publishes", dense, DENSE, 0},
    {"dense-bounds", "what is dropped or expires leaves no hole in the offsets to come", dense_bounds, DENSE,
     0},
    {"carries-position", "a message that comes with a position is delivered with it", carries, 0, 0, 0},
    {0},
};
