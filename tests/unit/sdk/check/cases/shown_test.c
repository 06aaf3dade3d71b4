// SPDX-License-Identifier: MIT
// Verdicts are read by people: short, on one line, and never ambiguous.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cases/shown.h"

#define BYTES(text) ((struct wshub_bytes){text, sizeof(text) - 1})

static void bytes_are_quoted_and_escaped(void **state) {
    (void)state;
    assert_string_equal(shown_bytes(BYTES("")).text, "\"\"");
    assert_string_equal(shown_bytes((struct wshub_bytes){NULL, 0}).text, "\"\"");
    assert_string_equal(shown_bytes(BYTES("a b")).text, "\"a b\"");
    assert_string_equal(shown_bytes(BYTES("{\"a\":\"\\\"}")).text, "\"{\\\"a\\\":\\\"\\\\\\\"}\"");
    assert_string_equal(shown_bytes(BYTES("\0\n\x7F\xC3\xA9")).text, "\"\\x00\\x0A\\x7F\\xC3\\xA9\"");
}

static void what_is_long_is_cut_and_its_length_told(void **state) {
    char many[5000];
    (void)state;
    memset(many, 'a', sizeof many);
    struct shown shown = shown_bytes((struct wshub_bytes){many, 60});
    assert_int_equal(strlen(shown.text), 62);
    shown = shown_bytes((struct wshub_bytes){many, 61});
    assert_non_null(strstr(shown.text, "aaa...\" (61 bytes)"));
    memset(many, 0xFF, sizeof many); // four letters each
    shown = shown_bytes((struct wshub_bytes){many, sizeof many});
    assert_true(strlen(shown.text) < 140);
    assert_non_null(strstr(shown.text, "\\xFF...\" (5000 bytes)"));
}

static void differences_say_where(void **state) {
    static const char longer[] = "0123456789abcdefghij", other[] = "0123456789abcdXfghij";
    (void)state;
    assert_string_equal(shown_difference(BYTES("b"), BYTES("a")).text, "\"a\" came instead of \"b\"");
    assert_string_equal(shown_difference(BYTES("b"), BYTES("")).text, "\"\" came instead of \"b\"");
    assert_string_equal(shown_difference(BYTES(longer), BYTES(other)).text,
                        "byte 14 is 0x58 instead of 0x65; 20 bytes came, 20 were sent");
    assert_string_equal(shown_difference(BYTES(longer), BYTES("0123")).text,
                        "4 bytes came instead of 20, the same as far as they go");
    assert_string_equal(shown_difference(BYTES("0123"), BYTES(longer)).text,
                        "20 bytes came instead of 4, the same as far as they go");
    assert_string_equal(shown_difference(BYTES(longer), (struct wshub_bytes){NULL, 0}).text,
                        "nothing came instead of 20 bytes");
}

static void the_longest_difference_fits(void **state) {
    char sent[16], came[16];
    (void)state;
    memset(sent, 1, sizeof sent);
    memset(came, 2, sizeof came);
    struct shown shown = shown_difference((struct wshub_bytes){sent, 16}, (struct wshub_bytes){came, 16});
    assert_int_equal(strlen(shown.text), 2 * (2 + 16 * 4) + strlen(" came instead of "));
}

static void statuses_have_names(void **state) {
    (void)state;
    assert_string_equal(shown_status(WSHUB_OK).text, "OK: done");
    assert_string_equal(shown_status(WSHUB_NOT_FOUND).text, "NOT_FOUND: there is no such entry");
    assert_string_equal(shown_status(17).text, "17, which is not a wshub_status");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_quoted_and_escaped),
        cmocka_unit_test(what_is_long_is_cut_and_its_length_told),
        cmocka_unit_test(differences_say_where),
        cmocka_unit_test(the_longest_difference_fits),
        cmocka_unit_test(statuses_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
