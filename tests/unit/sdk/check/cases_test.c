// SPDX-License-Identifier: MIT
// The table of cases: names that can be typed and are unique, each with a word about it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"

static void each_has_a_name_of_its_own(void **state) {
    (void)state;
    size_t count = 0;
    for (struct case_at at = {0}; cases_next(&at); count++) {
        const char *name = at.item->name;
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(name));
        assert_true(at.item->about && at.item->about[0]);
        assert_non_null(at.item->run);
        for (struct case_at other = {0}; cases_next(&other);) {
            assert_true(other.item == at.item || strcmp(other.item->name, name) != 0);
            assert_string_not_equal(other.group->name, name); // --only takes both
        }
    }
    assert_true(count > 0);
}

static void names_are_known_or_guessed(void **state) {
    (void)state;
    struct case_at first = {0};
    assert_true(cases_next(&first));
    assert_true(cases_knows(first.item->name));
    assert_true(cases_knows("library"));
    assert_false(cases_knows("libary"));
    assert_string_equal(cases_nearest("libary"), "library");
    assert_null(cases_nearest("zzzzzzzzzzzz"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_a_name_of_its_own),
        cmocka_unit_test(names_are_known_or_guessed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
