// SPDX-License-Identifier: MIT
// A marker is found in memory where somebody has copied it, and nowhere else.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/search.h"
#include "check_priv.h"
#include "host/memory.h"

static void a_copy_is_found_until_it_is_overwritten(void **state) {
    struct check check = {.random = 7};
    struct search_marker marker;
    char where[256] = "";
    unsigned count = 7;
    (void)state;
    if (!MEMORY_IS_OURS) {
        skip(); // a sanitizer's memory is too large to be read
    }
    search_make(&check, &marker);
    assert_true(search_count(&marker, &count, where, sizeof where));
    assert_int_equal(count, 0);
    volatile char *copy = malloc(100);
    search_unveil(&marker, (char *)copy + 3);
    assert_true(search_count(&marker, &count, where, sizeof where));
    assert_int_equal(count, 1);
    for (size_t i = 0; i < 20; i++) { // less than half of it is nothing
        copy[3 + SEARCH_LENGTH - 1 - i] = 0;
    }
    assert_true(search_count(&marker, &count, where, sizeof where));
    assert_int_equal(count, 0);
    free((char *)copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_found_until_it_is_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
