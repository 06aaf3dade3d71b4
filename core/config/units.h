// SPDX-License-Identifier: MIT
// Numbers with a unit: `30s`, `64KiB`. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum unit {
    UNIT_NONE,     // a bare number
    UNIT_SIZE,     // bytes: B, KiB, MiB, GiB, or a bare number
    UNIT_DURATION, // milliseconds: ms, s, m, h; only 0 may stand bare
};

// Room for the longest text that units_format writes.
enum { UNITS_TEXT_SIZE = 32 };

// Digits and a unit, nothing around or between them; what does not fit uint64_t is refused.
bool units_parse(enum unit unit, const char *text, uint64_t *value);
// In the largest unit that leaves a whole number.
void units_format(enum unit unit, uint64_t value, char out[UNITS_TEXT_SIZE]);
