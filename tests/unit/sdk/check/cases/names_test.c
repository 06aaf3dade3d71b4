// SPDX-License-Identifier: MIT
// The kit's names are nasty, and still such as a hub would take: a plugin that refuses one is wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cases/names.h"
#include "protocol/protocol.h"
#include "util/utf8.h"

typedef void (*family_fn)(struct names *names);

static const family_fn families[] = {names_add_ascii,   names_add_wildcards, names_add_prefixes,
                                     names_add_unicode, names_add_long,      names_add_escapes};

static bool have(const struct names *names, const char *text) {
    return names_have(names, (struct wshub_bytes){text, strlen(text)});
}

static void a_hub_takes_each_of_them(void **state) {
    (void)state;
    for (size_t family = 0; family < sizeof families / sizeof families[0]; family++) {
        struct names names = {0};
        families[family](&names);
        names_settle(&names);
        assert_false(names.failed);
        assert_true(names.count >= 40);
        for (size_t i = 0; i < names.count; i++) {
            const struct span name = {names.items[i].data, names.items[i].length};
            if (channel_name_error(name) || !utf8_is_valid(name.data, name.length)) {
                fail_msg("family %zu, name %.*s", family, (int)name.length, name.data);
            }
        }
        names_free(&names);
    }
}

static void each_is_there_once(void **state) {
    struct names names = {0};
    (void)state;
    names_add(&names, "b", 1);
    names_add(&names, "ab", 2);
    names_add(&names, "a\0", 2);
    names_add(&names, "a", 1);
    names_add(&names, "b", 1);
    names_add(&names, "a\0", 2);
    names_settle(&names);
    assert_int_equal(names.count, 4);
    assert_true(have(&names, "a"));
    assert_true(have(&names, "ab"));
    assert_true(names_have(&names, (struct wshub_bytes){"a\0", 2}));
    assert_false(have(&names, "c"));
    names_free(&names);
}

static void what_no_channel_can_be_called_is_left_out(void **state) {
    char many[256];
    struct names names = {0};
    (void)state;
    memset(many, 'x', sizeof many);
    names_settle(&names);
    assert_false(have(&names, "a"));
    names_add(&names, "", 0);
    names_add(&names, many, 256);
    assert_int_equal(names.count, 0);
    names_add(&names, many, 255);
    assert_int_equal(names.count, 1);
    names_free(&names);
}

static void every_printable_character_stands_everywhere(void **state) {
    struct names names = {0};
    (void)state;
    names_add_ascii(&names);
    names_settle(&names);
    for (char c = 0x20; c < 0x7F; c++) {
        const char alone[] = {c, 0}, twice[] = {c, c, 0}, first[] = {c, 'n', 0}, last[] = {'n', c, 0};
        assert_true(have(&names, alone) && have(&names, twice) && have(&names, first) && have(&names, last));
    }
    names_free(&names);
}

static void the_longest_of_each_width_are_there(void **state) {
    size_t longest = 0;
    struct names names = {0};
    (void)state;
    names_add_long(&names);
    names_settle(&names);
    for (size_t i = 0; i < names.count; i++) {
        longest += names.items[i].length == 255;
    }
    assert_true(longest >= 9); // one for each unit that is repeated
    names_free(&names);
}

static void escapes_stand_beside_what_they_stand_for(void **state) {
    static const char *const expected[] = {"*",     "%2A",   "%2a", "=2A", "_2A",
                                           "\\x2a", "%252A", " ",   "%20", "+"};
    struct names names = {0};
    (void)state;
    names_add_escapes(&names);
    names_settle(&names);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(have(&names, expected[i]));
    }
    names_free(&names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_takes_each_of_them),
        cmocka_unit_test(each_is_there_once),
        cmocka_unit_test(what_no_channel_can_be_called_is_left_out),
        cmocka_unit_test(every_printable_character_stands_everywhere),
        cmocka_unit_test(the_longest_of_each_width_are_there),
        cmocka_unit_test(escapes_stand_beside_what_they_stand_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
