// SPDX-License-Identifier: MIT
// Requests of the kit's own making: each has a name, none is what it was made of.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/hostile.h"
#include "check_priv.h"

static bool is_same(struct wshub_bytes a, struct wshub_bytes b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static void free_names(struct check *check) {
    while (check->names) {
        struct name_kept *next = check->names->next;
        free(check->names);
        check->names = next;
    }
}

static void each_has_a_name_and_no_yes(void **state) {
    struct check check = {.random = 1};
    (void)state;
    for (size_t i = 0; i < hostile_count(); i++) {
        struct inquiry inquiry;
        hostile_make(&check, i, &inquiry);
        assert_true(strlen(inquiry.what) > 5);
        assert_int_equal(inquiry.expect, EXPECT_NEVER_YES);
        assert_int_equal(inquiry.slot, OPERATION_AUTHENTICATE);
        assert_int_equal(inquiry.request.struct_size, sizeof inquiry.request);
    }
    free_names(&check);
}

static void what_is_near_is_not_the_same(void **state) {
    struct check check = {.random = 1};
    struct inquiry right, near;
    (void)state;
    inquiry_make(&check, &right, (struct wshub_bytes){"Ab3.Cd4.Ef5", 11}, WSHUB_TOKEN_QUERY);
    right.what = "the right one";
    for (size_t i = 0; i < hostile_near_count(); i++) {
        assert_true(hostile_make_near(&check, &right, i, &near));
        assert_false(is_same(near.request.token, right.request.token));
        assert_true(near.request.token.length > 0);
        assert_int_equal(near.request.token_source, WSHUB_TOKEN_QUERY);
        assert_int_equal(near.expect, EXPECT_NEVER_YES);
    }
    free_names(&check);
}

static void without_a_token_the_rest_is_changed(void **state) {
    struct check check = {.random = 1};
    struct inquiry right, near;
    (void)state;
    inquiry_make(&check, &right, (struct wshub_bytes){0}, WSHUB_TOKEN_NONE);
    right.what = "a request";
    assert_false(hostile_make_near(&check, &right, 0, &near));
    inquiry_add_header(&check, &right, (struct wshub_bytes){"x-key", 5}, (struct wshub_bytes){"secret", 6});
    assert_true(hostile_make_near(&check, &right, 0, &near));
    assert_int_equal(near.request.header_count, right.request.header_count);
    struct wshub_bytes value = near.request.headers[near.request.header_count - 1].value;
    assert_true(is_same(value, (struct wshub_bytes){"secre", 5}));
    free_names(&check);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_a_name_and_no_yes),
        cmocka_unit_test(what_is_near_is_not_the_same),
        cmocka_unit_test(without_a_token_the_rest_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
