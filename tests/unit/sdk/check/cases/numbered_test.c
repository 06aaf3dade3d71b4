// SPDX-License-Identifier: MIT
// A payload of traffic is known again, whole, or not at all.
#include "cases/numbered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PADDING = 1000 };

static bool reads(const char *payload, size_t length, struct score_message *message) {
    return numbered_read((struct wshub_bytes){payload, length}, message);
}

static void is_read_as_it_was_written(void **state) {
    const size_t paddings[] = {0, 1, 9, 10, PADDING};
    char payload[NUMBERED_HEAD + PADDING];
    (void)state;
    for (size_t i = 0; i < sizeof paddings / sizeof *paddings; i++) {
        struct score_message read = {.receiver = 7};
        size_t length = numbered_write(payload, &(struct score_message){1, 1000, 0, UINT32_MAX}, paddings[i]);
        assert_true(length <= sizeof payload);
        assert_true(reads(payload, length, &read));
        assert_int_equal(read.publisher, 1);
        assert_int_equal(read.channel, 1000);
        assert_int_equal(read.number, UINT32_MAX);
        assert_int_equal(read.receiver, 7);
    }
}

static void is_not_read_when_it_was_cut(void **state) {
    char payload[NUMBERED_HEAD + PADDING];
    struct score_message read;
    (void)state;
    const size_t length = numbered_write(payload, &(struct score_message){0, 3, 0, 17}, 40);
    for (size_t cut = 0; cut < length; cut++) {
        assert_false(reads(payload, cut, &read));
    }
    payload[length] = 'x';
    assert_false(reads(payload, length + 1, &read));
}

static void something_else_is_not_read(void **state) {
    struct score_message read;
    (void)state;
    assert_false(reads(NULL, 0, &read));
    assert_false(reads("{\"a\":1}", 7, &read));
    assert_false(reads("1 2 3", 5, &read));
    assert_false(reads("1 2 3 x", 7, &read));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_read_as_it_was_written),
        cmocka_unit_test(is_not_read_when_it_was_cut),
        cmocka_unit_test(something_else_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
