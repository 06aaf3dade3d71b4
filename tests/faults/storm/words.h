// SPDX-License-Identifier: MIT
// One JSON object of the native protocol, taken apart without copying. It knows as much JSON as is needed to
// find a member that is not inside another one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word { // length 0: it was not there
    const char *at;
    size_t length;
};

struct words {
    struct word op, id, channel, data, code, epoch; // strings without their quotes, escapes as they stand
    struct word offset;                             // of the object itself, or of its "position"
    bool has_recovered, recovered, retry;
    uint64_t reconnect_after_ms;
};

// False: it is not an object, or it ends in the middle. *words points into the text.
bool words_read(const char *text, size_t length, struct words *words);

bool word_is(struct word word, const char *text);
// False: it is not a number of at most 19 digits, and nothing else.
bool word_number(struct word word, uint64_t *number);
