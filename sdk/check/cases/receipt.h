// SPDX-License-Identifier: MIT
// What one receiver got of messages that are numbered from 1 in lanes, a lane being one publisher on one
// channel: which are missing, came twice, came out of order, or should not have come at all. Belongs to one
// thread. Running out of memory is kept (`failed`), and makes every verdict void.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct receipt_lane {
    unsigned char *seen; // how often each number came, up to 255; the first is number 1
    size_t size;         // of seen
    size_t highest;      // the greatest number that came
    size_t late, after;  // the first that came late, and the number it came after; 0: none did
};

struct receipt_mark { // one message, in the order of arrival
    uint32_t lane, number;
};

struct receipt {
    struct receipt_lane *lanes;
    size_t lane_count;
    struct receipt_mark *marks;
    size_t mark_count, mark_size;
    bool failed;
};

// False: no memory.
bool receipt_init(struct receipt *receipt, size_t lanes);
void receipt_free(struct receipt *receipt);

// True: it is the first time that this number comes.
bool receipt_take(struct receipt *receipt, size_t lane, size_t number);
unsigned receipt_seen(const struct receipt *receipt, size_t lane, size_t number);
// The lowest number of `from` to `to` that did not come, and of those that came more than once; 0: none.
size_t receipt_missing(const struct receipt *receipt, size_t lane, size_t from, size_t to);
size_t receipt_doubled(const struct receipt *receipt, size_t lane);
// The place of the first mark in which two receivers differ; SIZE_MAX: in none, as far as both go.
size_t receipt_parting(const struct receipt *one, const struct receipt *other);
