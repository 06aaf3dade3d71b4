// SPDX-License-Identifier: MIT
// A place in a channel's history: an offset under an epoch. What was published after it has greater offsets
// under the same epoch; under another epoch nothing is known of it. Plain data, copied by value.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/span.h"

enum { EPOCH_MAX = 64 };

struct position {         // zero: none
    uint64_t offset;      // 0: before the first message
    uint8_t epoch_length; // 0: there is no position
    char epoch[EPOCH_MAX];
};

// False: it is longer than EPOCH_MAX, or not printable ASCII without blanks, and *out is none.
bool position_set(struct position *out, struct span epoch, uint64_t offset);
struct span position_epoch(const struct position *position);
bool position_is_of(const struct position *position, struct span epoch); // the same epoch; none is of none
