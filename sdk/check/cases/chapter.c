// SPDX-License-Identifier: MIT
#include "cases/chapter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cases/shown.h"

enum { WINDOW = 200 }; // publishes under way

struct chapter chapter_of(struct check *check, const char *name) {
    return (struct chapter){check_channel(check, name), CHAPTER_SIZE, CHAPTER_KEEP};
}

struct wshub_message chapter_message(const struct chapter *chapter, const char *payload) {
    struct wshub_message message = message_of(chapter->channel, payload);
    message.history_size = chapter->size;
    message.history_ttl = chapter->ttl;
    return message;
}

// ---- writing ----

void chapter_put(struct peer *peer, const struct chapter *chapter, const char *payload) {
    struct wshub_message message = chapter_message(chapter, payload);
    expect_published(peer, &message);
}

static bool has_room(void *context) {
    return peer_in_flight(context) < WINDOW;
}

void chapter_put_numbers(struct peer *peer, const struct chapter *chapter, unsigned first, unsigned last) {
    uint64_t failed = peer_failed(peer);
    for (unsigned i = first; i <= last; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%u", i);
        struct wshub_message message = chapter_message(chapter, payload);
        check_wait(peer_check(peer), has_room, peer, CHAPTER_PATIENCE);
        peer_fire_publish(peer, &message);
    }
    if (!peer_wait_idle(peer, CHAPTER_PATIENCE) || peer_failed(peer) > failed) {
        check_fail(peer_check(peer),
                   "published %u messages with a history: %" PRIu64 " failed, %zu were not completed",
                   last - first + 1, peer_failed(peer) - failed, peer_in_flight(peer));
    }
}

// ---- reading ----

struct page chapter_read(struct peer *peer, const struct chapter *chapter, uint64_t after, uint64_t limit,
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

struct page chapter_read_all(struct peer *peer, const struct chapter *chapter) {
    return chapter_read(peer, chapter, 0, CHAPTER_SIZE * 10, 0);
}

void chapter_close(struct page *page) {
    arrivals_free(&page->found);
}

// ---- what is expected of a page ----

void chapter_expect_position(struct check *check, const struct page *page, uint64_t oldest, uint64_t newest,
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

void chapter_expect_order(struct check *check, const struct page *page, const char *what) {
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

void chapter_expect_numbers(struct check *check, const struct chapter *chapter, const struct page *page,
                            unsigned first, unsigned last, const char *what) {
    unsigned count = first <= last ? last - first + 1 : 0;
    for (unsigned i = 0; i < page->found.count && i < count; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%u", first + i);
        struct wshub_message message = chapter_message(chapter, expected);
        char at[128];
        snprintf(at, sizeof at, "%s, message %u of %u", what, i + 1, count);
        expect_whole(check, &message, &page->found.items[i], at);
    }
    if (page->found.count != count) {
        check_fail(check, "%s: expected %u messages, got %zu", what, count, page->found.count);
    }
}

bool chapter_is_same(const struct arrival *a, const struct arrival *b) {
    return a->offset == b->offset && strcmp(a->epoch, b->epoch) == 0 &&
           a->payload_length == b->payload_length && memcmp(a->payload, b->payload, a->payload_length) == 0;
}

void chapter_expect_part(struct check *check, const struct page *whole, const struct page *part, size_t first,
                         size_t count, int step, const char *what) {
    for (size_t i = 0; i < count && i < part->found.count; i++) {
        const struct arrival *expected = &whole->found.items[step > 0 ? first + i : first - i];
        const struct arrival *came = &part->found.items[i];
        if (!chapter_is_same(expected, came)) {
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
