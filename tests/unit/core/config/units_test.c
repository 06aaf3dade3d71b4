// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/units.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void accepts(void **state) {
    (void)state;
    static const struct {
        enum unit unit;
        const char *text;
        uint64_t value;
    } cases[] = {
        {UNIT_NONE, "0", 0},
        {UNIT_NONE, "007", 7},
        {UNIT_NONE, "18446744073709551615", UINT64_MAX},
        {UNIT_SIZE, "5", 5},
        {UNIT_SIZE, "5B", 5},
        {UNIT_SIZE, "64KiB", 65536},
        {UNIT_SIZE, "16MiB", 16777216},
        {UNIT_SIZE, "2GiB", 2147483648},
        {UNIT_SIZE, "17179869183GiB", UINT64_C(17179869183) << 30},
        {UNIT_DURATION, "0", 0},
        {UNIT_DURATION, "0h", 0},
        {UNIT_DURATION, "250ms", 250},
        {UNIT_DURATION, "30s", 30000},
        {UNIT_DURATION, "2m", 120000},
        {UNIT_DURATION, "1h", 3600000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = 99;
        if (!units_parse(cases[i].unit, cases[i].text, &value) || value != cases[i].value) {
            fail_msg("%s: %llu", cases[i].text, (unsigned long long)value);
        }
    }
}

static void refuses(void **state) {
    (void)state;
    static const struct {
        enum unit unit;
        const char *text;
    } cases[] = {
        {UNIT_NONE, ""},
        {UNIT_NONE, "-1"},
        {UNIT_NONE, "+1"},
        {UNIT_NONE, " 1"},
        {UNIT_NONE, "1 "},
        {UNIT_NONE, "1.5"},
        {UNIT_NONE, "0x10"},
        {UNIT_NONE, "1_000"},
        {UNIT_NONE, "5B"},
        {UNIT_NONE, "18446744073709551616"},
        {UNIT_NONE, "99999999999999999999"},
        {UNIT_SIZE, "KiB"},
        {UNIT_SIZE, "64 KiB"},
        {UNIT_SIZE, "64kib"},
        {UNIT_SIZE, "64KB"},
        {UNIT_SIZE, "64K"},
        {UNIT_SIZE, "64KiBs"},
        {UNIT_SIZE, "17179869184GiB"}, // 2^64
        {UNIT_SIZE, "30s"},
        {UNIT_DURATION, ""},
        {UNIT_DURATION, "30"},
        {UNIT_DURATION, "1m30s"},
        {UNIT_DURATION, "1.5s"},
        {UNIT_DURATION, "1d"},
        {UNIT_DURATION, "5124095576031h"}, // over 2^64 milliseconds
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value;
        if (units_parse(cases[i].unit, cases[i].text, &value)) {
            fail_msg("accepted: %s", cases[i].text);
        }
    }
}

static void formats_in_the_largest_whole_unit(void **state) {
    (void)state;
    static const struct {
        enum unit unit;
        uint64_t value;
        const char *text;
    } cases[] = {
        {UNIT_NONE, 0, "0"},
        {UNIT_NONE, 1024, "1024"},
        {UNIT_SIZE, 0, "0B"},
        {UNIT_SIZE, 128, "128B"},
        {UNIT_SIZE, 1500, "1500B"},
        {UNIT_SIZE, 65536, "64KiB"},
        {UNIT_SIZE, 1 << 20, "1MiB"},
        {UNIT_SIZE, 1 << 30, "1GiB"},
        {UNIT_DURATION, 0, "0s"},
        {UNIT_DURATION, 10, "10ms"},
        {UNIT_DURATION, 1500, "1500ms"},
        {UNIT_DURATION, 90000, "90s"},
        {UNIT_DURATION, 120000, "2m"},
        {UNIT_DURATION, 3600000, "1h"},
        {UNIT_NONE, UINT64_MAX, "18446744073709551615"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[UNITS_TEXT_SIZE];
        units_format(cases[i].unit, cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(formats_in_the_largest_whole_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
