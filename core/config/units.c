// SPDX-License-Identifier: MIT
#include "config/units.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct suffix {
    const char *text;
    uint64_t factor;
};

// Largest first, ended by one without a text.
static const struct suffix no_suffixes[] = {{"", 1}, {NULL, 0}};
static const struct suffix size_suffixes[] = {
    {"GiB", 1024 * 1024 * 1024}, {"MiB", 1024 * 1024}, {"KiB", 1024}, {"B", 1}, {"", 1}, {NULL, 0}};
static const struct suffix duration_suffixes[] = {
    {"h", 60 * 60 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct suffix *const suffixes_of[] = {
    [UNIT_NONE] = no_suffixes,
    [UNIT_SIZE] = size_suffixes,
    [UNIT_DURATION] = duration_suffixes,
};

static const struct suffix *find(enum unit unit, const char *text) {
    for (const struct suffix *suffix = suffixes_of[unit]; suffix->text; suffix++) {
        if (strcmp(suffix->text, text) == 0) {
            return suffix;
        }
    }
    return NULL;
}

static bool parse_digits(const char **text, uint64_t *value) {
    const char *start = *text;
    uint64_t number = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(**text - '0'), &number)) {
            return false;
        }
    }
    *value = number;
    return *text != start;
}

bool units_parse(enum unit unit, const char *text, uint64_t *value) {
    uint64_t number;
    if (!parse_digits(&text, &number)) {
        return false;
    }
    const struct suffix *suffix = find(unit, text);
    if (!suffix) {
        *value = 0;
        return number == 0 && text[0] == '\0';
    }
    return !__builtin_mul_overflow(number, suffix->factor, value);
}

void units_format(enum unit unit, uint64_t value, char out[UNITS_TEXT_SIZE]) {
    const struct suffix *suffix = suffixes_of[unit];
    while (value == 0 ? suffix->factor > 1000 : value % suffix->factor != 0) {
        suffix++;
    }
    snprintf(out, UNITS_TEXT_SIZE, "%" PRIu64 "%s", value / suffix->factor, suffix->text);
}
