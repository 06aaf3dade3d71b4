// SPDX-License-Identifier: MIT
// A channel with a history, for cases: what is published to it, what is read of it, and what is expected of
// that. Each `chapter_expect_...` fails the case; `what` says what was done. On the case's thread.
#pragma once

#include "cases/expect.h"

enum {
    CHAPTER_SIZE = 1000, // messages that a history keeps, where a case does not say otherwise
    CHAPTER_KEEP = 600000,
    CHAPTER_PATIENCE = 5000, // ms for anything to come
};

struct chapter {
    struct wshub_bytes channel;
    uint64_t size, ttl;
};

struct page { // an answer
    struct arrivals found;
    struct peer_position position;
};

struct chapter chapter_of(struct check *check, const char *name);
struct wshub_message chapter_message(const struct chapter *chapter, const char *payload);

void chapter_put(struct peer *peer, const struct chapter *chapter, const char *payload);
// The payloads are the numbers from `first` to `last`; they are under way together.
void chapter_put_numbers(struct peer *peer, const struct chapter *chapter, unsigned first, unsigned last);

struct page chapter_read(struct peer *peer, const struct chapter *chapter, uint64_t after, uint64_t limit,
                         uint32_t flags);
struct page chapter_read_all(struct peer *peer, const struct chapter *chapter);
void chapter_close(struct page *page); // forgets what it has

void chapter_expect_position(struct check *check, const struct page *page, uint64_t oldest, uint64_t newest,
                             const char *what);
// Growing offsets, one epoch, and `previous` the one before, where it is known.
void chapter_expect_order(struct check *check, const struct page *page, const char *what);
// The payloads are the numbers from `first` to `last`, in this order.
void chapter_expect_numbers(struct check *check, const struct chapter *chapter, const struct page *page,
                            unsigned first, unsigned last, const char *what);
// `part` is what stands in `whole` from `first` on, going up or down.
void chapter_expect_part(struct check *check, const struct page *whole, const struct page *part, size_t first,
                         size_t count, int step, const char *what);
bool chapter_is_same(const struct arrival *a, const struct arrival *b); // position and payload
