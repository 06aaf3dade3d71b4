// SPDX-License-Identifier: MIT
// Text of a plugin's, made fit for a terminal and for JSON.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clean.h"

static const struct {
    const char *text, *expected;
} texts[] = {
    {"plain\ttext\n", "plain\ttext\n"},
    {"\x1b[31mred", "?[31mred"},
    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
    {"\xff\xc3", "??"},
    {"\xe2\x82", "??"},
    {"\xc2\x9b"
     "31m",
     "??31m"}, // a control character of two bytes
    {"\x7f", "?"},
    {"", ""},
};

static void what_cannot_be_shown_is_replaced(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[64];
        strcpy(text, texts[i].text);
        clean_text(text, strlen(text));
        assert_string_equal(text, texts[i].expected);
    }
    clean_text(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_cannot_be_shown_is_replaced)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
