// SPDX-License-Identifier: MIT
#include "cases/receipt.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

bool receipt_init(struct receipt *receipt, size_t lanes) {
    *receipt = (struct receipt){.lane_count = lanes};
    receipt->lanes = calloc(lanes ? lanes : 1, sizeof *receipt->lanes);
    return receipt->lanes != NULL;
}

void receipt_free(struct receipt *receipt) {
    for (size_t i = 0; receipt->lanes && i < receipt->lane_count; i++) {
        free(receipt->lanes[i].seen);
    }
    free(receipt->lanes);
    free(receipt->marks);
    *receipt = (struct receipt){0};
}

static bool make_room(struct receipt_lane *lane, size_t number) {
    if (number <= lane->size) {
        return true;
    }
    size_t size = number < 4 ? 4 : number * 2;
    unsigned char *seen = realloc(lane->seen, size);
    if (!seen) {
        return false;
    }
    memset(seen + lane->size, 0, size - lane->size);
    lane->seen = seen;
    lane->size = size;
    return true;
}

static bool mark(struct receipt *receipt, size_t lane, size_t number) {
    if (receipt->mark_count == receipt->mark_size) {
        size_t size = receipt->mark_size ? receipt->mark_size * 2 : 64;
        struct receipt_mark *marks = realloc(receipt->marks, size * sizeof *marks);
        if (!marks) {
            return false;
        }
        receipt->marks = marks;
        receipt->mark_size = size;
    }
    receipt->marks[receipt->mark_count++] = (struct receipt_mark){(uint32_t)lane, (uint32_t)number};
    return true;
}

bool receipt_take(struct receipt *receipt, size_t lane_number, size_t number) {
    struct receipt_lane *lane = &receipt->lanes[lane_number];
    if (!make_room(lane, number) || !mark(receipt, lane_number, number)) {
        receipt->failed = true;
        return false;
    }
    unsigned char *seen = &lane->seen[number - 1];
    bool first = *seen == 0;
    *seen = *seen < UCHAR_MAX ? *seen + 1 : *seen;
    if (number > lane->highest) {
        lane->highest = number;
    } else if (first && lane->late == 0) {
        lane->late = number;
        lane->after = lane->highest;
    }
    return first;
}

unsigned receipt_seen(const struct receipt *receipt, size_t lane, size_t number) {
    const struct receipt_lane *at = &receipt->lanes[lane];
    return number <= at->size ? at->seen[number - 1] : 0;
}

size_t receipt_missing(const struct receipt *receipt, size_t lane, size_t from, size_t to) {
    for (size_t number = from; number <= to; number++) {
        if (receipt_seen(receipt, lane, number) == 0) {
            return number;
        }
    }
    return 0;
}

size_t receipt_doubled(const struct receipt *receipt, size_t lane) {
    for (size_t number = 1; number <= receipt->lanes[lane].highest; number++) {
        if (receipt_seen(receipt, lane, number) > 1) {
            return number;
        }
    }
    return 0;
}

size_t receipt_parting(const struct receipt *one, const struct receipt *other) {
    size_t count = one->mark_count < other->mark_count ? one->mark_count : other->mark_count;
    for (size_t i = 0; i < count; i++) {
        if (one->marks[i].lane != other->marks[i].lane || one->marks[i].number != other->marks[i].number) {
            return i;
        }
    }
    return SIZE_MAX;
}
