// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/value.h"
#include "util/buf.h"
#include "wshub/option.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct wshub_option text = {.name = "t", .type = WSHUB_OPTION_TEXT};
static const struct wshub_option word = {.name = "w", .type = WSHUB_OPTION_WORD, .words = "one|two|three"};
static const struct wshub_option flag = {.name = "b", .type = WSHUB_OPTION_BOOL};
static const struct wshub_option any = {.name = "n", .type = WSHUB_OPTION_NUMBER};
static const struct wshub_option few = {.name = "n", .type = WSHUB_OPTION_NUMBER, .low = 2, .high = 4};
static const struct wshub_option up_to = {.name = "n", .type = WSHUB_OPTION_NUMBER, .high = 4};
static const struct wshub_option duration = {
    .name = "d", .type = WSHUB_OPTION_DURATION, .low = 10, .high = 60000};
static const struct wshub_option size = {.name = "s", .type = WSHUB_OPTION_SIZE, .low = 512, .high = 1 << 20};

static void reads_what_fits(void **state) {
    (void)state;
    static const struct {
        const struct wshub_option *option;
        const char *text;
        uint64_t number;
    } cases[] = {
        {&text, "", 0},           {&text, "12", 0},         {&word, "one", 0},
        {&word, "two", 1},        {&word, "three", 2},      {&flag, "true", 1},
        {&flag, "false", 0},      {&any, "0", 0},           {&any, "18446744073709551615", UINT64_MAX},
        {&few, "2", 2},           {&few, "4", 4},           {&up_to, "0", 0},
        {&duration, "10ms", 10},  {&duration, "1m", 60000}, {&size, "512", 512},
        {&size, "1MiB", 1 << 20},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t number = 77;
        if (!value_parse(cases[i].option, cases[i].text, &number)) {
            fail_msg("refused: %s %s", cases[i].option->name, cases[i].text);
        }
        assert_int_equal(number, cases[i].number);
    }
}

static void refuses_what_does_not(void **state) {
    (void)state;
    static const struct {
        const struct wshub_option *option;
        const char *text;
    } cases[] = {
        {&word, ""},         {&word, "on"},      {&word, "ones"},
        {&word, "one|two"},  {&word, "One"},     {&word, "|"},
        {&flag, "yes"},      {&flag, "True"},    {&flag, "1"},
        {&flag, ""},         {&any, ""},         {&any, "-1"},
        {&any, "1.0"},       {&any, " 1"},       {&any, "18446744073709551616"},
        {&few, "1"},         {&few, "5"},        {&up_to, "5"},
        {&duration, "9ms"},  {&duration, "61s"}, {&duration, "5"},
        {&duration, "fast"}, {&size, "511B"},    {&size, "2MiB"},
        {&size, "1 KiB"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t number;
        if (value_parse(cases[i].option, cases[i].text, &number)) {
            fail_msg("taken: %s \"%s\"", cases[i].option->name, cases[i].text);
        }
    }
}

static void assert_put(void (*put)(const struct wshub_option *option, struct buf *out),
                       const struct wshub_option *option, const char *expected) {
    struct buf out = {0};
    put(option, &out);
    buf_append(&out, "", 1);
    assert_string_equal(out.data, expected);
    buf_free(&out);
}

static void says_what_is_expected(void **state) {
    (void)state;
    assert_put(value_expect, &text, "a text");
    assert_put(value_expect, &word, "one of one, two, three");
    assert_put(value_expect, &flag, "true or false");
    assert_put(value_expect, &any, "a whole number");
    assert_put(value_expect, &up_to, "a whole number, from 0 to 4");
    assert_put(value_expect, &duration, "a duration such as 10s, from 10ms to 1m");
    assert_put(value_expect, &size, "a size such as 64KiB, from 512B to 1MiB");
    assert_put(value_describe, &text, "text");
    assert_put(value_describe, &word, "one of one, two, three");
    assert_put(value_describe, &few, "number, 2 to 4");
    assert_put(value_describe, &duration, "duration, 10ms to 1m");
}

static void shows_a_text_in_quotes(void **state) {
    (void)state;
    struct buf out = {0};
    value_show(&text, "a \"b\"", &out);
    value_show(&size, "64KiB", &out);
    buf_append(&out, "", 1);
    assert_string_equal(out.data, "\"a \\\"b\\\"\"64KiB");
    buf_free(&out);
}

static void knows_its_types(void **state) {
    (void)state;
    assert_true(value_type_is_known(WSHUB_OPTION_TEXT));
    assert_true(value_type_is_known(WSHUB_OPTION_SIZE));
    assert_false(value_type_is_known(WSHUB_OPTION_SIZE + 1));
    assert_false(value_type_is_known(UINT32_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_fits),       cmocka_unit_test(refuses_what_does_not),
        cmocka_unit_test(says_what_is_expected), cmocka_unit_test(shows_a_text_in_quotes),
        cmocka_unit_test(knows_its_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
