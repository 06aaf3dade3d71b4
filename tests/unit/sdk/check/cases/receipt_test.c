// SPDX-License-Identifier: MIT
// What a receiver missed, got twice, and got late.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cases/receipt.h"

static int setup(void **state) {
    static struct receipt receipt;
    *state = &receipt;
    return receipt_init(&receipt, 3) ? 0 : -1;
}

static int teardown(void **state) {
    receipt_free(*state);
    return 0;
}

static void take_row(struct receipt *receipt, size_t lane, size_t from, size_t to) {
    for (size_t number = from; number <= to; number++) {
        assert_true(receipt_take(receipt, lane, number));
    }
}

static void a_row_is_whole(void **state) {
    struct receipt *receipt = *state;
    take_row(receipt, 0, 1, 10000);
    assert_int_equal(receipt_missing(receipt, 0, 1, 10000), 0);
    assert_int_equal(receipt_doubled(receipt, 0), 0);
    assert_int_equal(receipt->lanes[0].late, 0);
    assert_int_equal(receipt->lanes[0].highest, 10000);
    assert_int_equal(receipt->mark_count, 10000);
    assert_false(receipt->failed);
}

static void lanes_have_nothing_to_do_with_each_other(void **state) {
    struct receipt *receipt = *state;
    take_row(receipt, 0, 1, 5);
    take_row(receipt, 2, 1, 3);
    assert_int_equal(receipt_missing(receipt, 1, 1, 1), 1);
    assert_int_equal(receipt_missing(receipt, 2, 1, 5), 4);
    assert_int_equal(receipt->lanes[2].late, 0);
}

static void the_first_that_is_missing_is_told(void **state) {
    struct receipt *receipt = *state;
    assert_int_equal(receipt_missing(receipt, 0, 1, 1), 1);
    take_row(receipt, 0, 1, 998);
    take_row(receipt, 0, 1000, 1001);
    assert_int_equal(receipt_missing(receipt, 0, 1, 1001), 999);
    assert_int_equal(receipt_missing(receipt, 0, 1000, 1005), 1002);
    assert_int_equal(receipt_seen(receipt, 0, 999), 0);
    assert_int_equal(receipt_seen(receipt, 0, 5000), 0);
}

static void the_first_that_came_twice_is_told(void **state) {
    struct receipt *receipt = *state;
    take_row(receipt, 0, 1, 10);
    assert_false(receipt_take(receipt, 0, 7));
    assert_false(receipt_take(receipt, 0, 3));
    assert_false(receipt_take(receipt, 0, 3));
    assert_int_equal(receipt_doubled(receipt, 0), 3);
    assert_int_equal(receipt_seen(receipt, 0, 3), 3);
    assert_int_equal(receipt->lanes[0].late, 0); // coming again is not coming late
}

static void counts_do_not_run_over(void **state) {
    struct receipt *receipt = *state;
    for (int i = 0; i < 1000; i++) {
        receipt_take(receipt, 0, 1);
    }
    assert_int_equal(receipt_seen(receipt, 0, 1), 255);
}

static void the_first_that_came_late_is_told(void **state) {
    struct receipt *receipt = *state;
    take_row(receipt, 0, 1, 4);
    take_row(receipt, 0, 7, 7);
    take_row(receipt, 0, 5, 6);
    assert_int_equal(receipt->lanes[0].late, 5);
    assert_int_equal(receipt->lanes[0].after, 7);
    assert_int_equal(receipt_missing(receipt, 0, 1, 7), 0);
}

static void two_receivers_part_where_they_differ(void **state) {
    struct receipt *one = *state, other;
    assert_true(receipt_init(&other, 3));
    take_row(one, 0, 1, 3);
    take_row(&other, 0, 1, 2);
    assert_true(receipt_parting(one, &other) == SIZE_MAX);
    take_row(&other, 1, 1, 1);
    assert_int_equal(receipt_parting(one, &other), 2);
    receipt_free(&other);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_row_is_whole),
        TEST(lanes_have_nothing_to_do_with_each_other),
        TEST(the_first_that_is_missing_is_told),
        TEST(the_first_that_came_twice_is_told),
        TEST(counts_do_not_run_over),
        TEST(the_first_that_came_late_is_told),
        TEST(two_receivers_part_where_they_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
