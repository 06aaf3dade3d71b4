// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/random.h"

static void every_byte_is_filled(void **state) {
    (void)state;
    enum { SIZE = 1000, RUNS = 64 }; // more than the 256 bytes that getrandom gives without interruption
    static uint8_t seen[SIZE];       // OR of all runs
    for (int run = 0; run < RUNS; run++) {
        uint8_t bytes[SIZE + 2];
        memset(bytes, 0, sizeof bytes);
        random_bytes(bytes + 1, SIZE);
        assert_int_equal(bytes[0], 0);
        assert_int_equal(bytes[SIZE + 1], 0);
        for (int i = 0; i < SIZE; i++) {
            seen[i] |= bytes[i + 1];
        }
    }
    for (int i = 0; i < SIZE; i++) {
        assert_int_equal(seen[i], 0xff); // a bit stays clear with probability 8000 / 2^64
    }
}

static void nothing_is_written_for_nothing(void **state) {
    (void)state;
    uint8_t byte = 42;
    random_bytes(&byte, 0);
    assert_int_equal(byte, 42);
}

static void numbers_differ(void **state) {
    (void)state;
    uint64_t numbers[100];
    for (int i = 0; i < 100; i++) {
        numbers[i] = random_u64();
        for (int j = 0; j < i; j++) {
            assert_true(numbers[i] != numbers[j]);
        }
    }
}

static void an_identifier_is_lower_case_hexadecimal(void **state) {
    (void)state;
    const uint8_t id[RANDOM_ID_BYTES] = {0x00, 0x01, 0x0f, 0x10, 0x7f, 0x80, 0xff, 0xfe,
                                         0xab, 0xcd, 0xef, 0x12, 0x34, 0x56, 0x78, 0x9a};
    char text[RANDOM_ID_LENGTH + 2];
    memset(text, '!', sizeof text);
    random_id_format(id, text);
    assert_string_equal(text, "00010f107f80fffeabcdef123456789a");
    assert_int_equal(text[RANDOM_ID_LENGTH + 1], '!');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_filled),
        cmocka_unit_test(nothing_is_written_for_nothing),
        cmocka_unit_test(numbers_differ),
        cmocka_unit_test(an_identifier_is_lower_case_hexadecimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
