// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "storm/words.h"

static struct words read_it(const char *text) {
    struct words words;
    if (!words_read(text, strlen(text), &words))
        fail_msg("not read: %s", text);
    return words;
}

static void a_message(void **state) {
    struct words words = read_it("{\"op\":\"message\",\"channel\":\"storm:7\",\"data\":\"g1\",\"offset\":44,"
                                 "\"from\":{\"connection\":\"x\",\"offset\":1}}");
    uint64_t offset;
    (void)state;
    assert_true(word_is(words.op, "message"));
    assert_true(word_is(words.channel, "storm:7"));
    assert_true(word_is(words.data, "g1"));
    assert_true(word_number(words.offset, &offset));
    assert_int_equal(offset, 44);
}

static void an_answer_with_a_position(void **state) {
    struct words words = read_it(" {\"op\":\"ok\" , \"id\":3,\"recovered\":false,"
                                 "\"position\":{\"epoch\":\"k3f\",\"offset\":18446744073709551}} ");
    uint64_t offset;
    (void)state;
    assert_true(word_is(words.epoch, "k3f"));
    assert_true(word_number(words.offset, &offset) && offset == UINT64_C(18446744073709551));
    assert_true(words.has_recovered);
    assert_false(words.recovered);
    assert_true(word_is(words.id, "3"));
}

static void what_stands_inside_is_not_of_the_message(void **state) {
    struct words words = read_it("{\"data\":{\"op\":\"gap\",\"x\":[1,\"]}\\\"\",{}]},\"op\":\"message\"}");
    (void)state;
    assert_true(word_is(words.op, "message"));
    assert_int_equal(words.data.at[0], '{');
}

static void what_is_broken_is_refused(void **state) {
    static const char *const texts[] = {
        "",           "[]",         "{",          "{\"op\"}",         "{\"op\":}",  "x",
        "{\"op\":\"", "{\"a\":1,}", "{\"a\":1}x", "{\"a\":{\"b\":1}", "{\"a\":\"\\"};
    struct words words;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (words_read(texts[i], strlen(texts[i]), &words))
            fail_msg("read: %s", texts[i]);
}

static void a_number_is_digits(void **state) {
    static const char *const texts[] = {"", "-1", "1.0", "1e3", "99999999999999999999"};
    uint64_t number;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(word_number((struct word){texts[i], strlen(texts[i])}, &number));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message),
        cmocka_unit_test(an_answer_with_a_position),
        cmocka_unit_test(what_stands_inside_is_not_of_the_message),
        cmocka_unit_test(what_is_broken_is_refused),
        cmocka_unit_test(a_number_is_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
