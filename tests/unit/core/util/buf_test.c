// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scarce_memory.h"
#include "util/buf.h"

static void check(const struct buf *buf, const char *expected, size_t length) {
    assert_false(buf->failed);
    assert_int_equal(buf->length, length);
    assert_memory_equal(buf->data, expected, length);
}

static void growth_keeps_the_content(void **state) {
    (void)state;
    struct buf buf = {0};
    for (int i = 0; i < 10000; i++) {
        char part[7] = {(char)i, (char)(i >> 8), 0, 1, 2, 3, 4};
        buf_append(&buf, part, (size_t)i % 8);
        assert_true(buf.length <= buf.capacity);
    }
    assert_false(buf.failed);
    size_t at = 0;
    for (int i = 0; i < 10000; i++) {
        char part[7] = {(char)i, (char)(i >> 8), 0, 1, 2, 3, 4};
        assert_memory_equal(buf.data + at, part, (size_t)i % 8);
        at += (size_t)i % 8;
    }
    assert_int_equal(at, buf.length);
    buf_free(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.capacity, 0);
}

static void nothing_appended_takes_no_memory(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_append(&buf, NULL, 0);
    buf_puts(&buf, "");
    assert_null(buf.data);
    assert_false(buf.failed);
    buf_free(&buf);
}

static void reserved_room_is_used_without_moving(void **state) {
    (void)state;
    struct buf buf = {0};
    assert_true(buf_reserve(&buf, 100000));
    assert_true(buf.capacity >= 100000);
    assert_int_equal(buf.length, 0);
    char *data = buf.data;
    for (int i = 0; i < 100000; i++) {
        buf_append(&buf, "x", 1);
    }
    assert_ptr_equal(buf.data, data);
    buf_free(&buf);
}

static void printf_appends_at_every_length(void **state) {
    (void)state;
    for (int length = 0; length < 600;
         length++) { // across the first allocations, where a terminator may not fit
        struct buf buf = {0};
        buf_puts(&buf, "<");
        buf_printf(&buf, "%*s", length, "");
        buf_printf(&buf, "%d%s", -7, ">");
        assert_int_equal(buf.length, (size_t)length + 4);
        assert_memory_equal(buf.data + 1 + length, "-7>", 3);
        buf_free(&buf);
    }
}

static void json_string(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        const char *expected;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"\"", 1, "\"\\\"\""},
        {"a\\b", 3, "\"a\\\\b\""},
        {"\n\t\r", 3, "\"\\u000a\\u0009\\u000d\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\x1f\x20\x7f", 3, "\"\\u001f \x7f\""},
        {"h\xc3\xa9\xf0\x9f\x98\x80", 7, "\"h\xc3\xa9\xf0\x9f\x98\x80\""},
        {"end\"", 4, "\"end\\\"\""},
        {"cut here|not this", 8, "\"cut here\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf buf = {0};
        buf_puts(&buf, "x");
        buf_json_string(&buf, cases[i].text, cases[i].length);
        buf_append(&buf, "", 1);
        assert_string_equal(buf.data + 1, cases[i].expected);
        buf_free(&buf);
    }
}

static void clear_keeps_the_memory(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_puts(&buf, "first");
    char *data = buf.data;
    buf_clear(&buf);
    buf_puts(&buf, "second");
    assert_ptr_equal(buf.data, data);
    check(&buf, "second", 6);
    buf_free(&buf);
}

static void an_impossible_size_fails_and_stays_failed(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_puts(&buf, "before");
    assert_false(buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.failed);
    assert_false(buf_reserve(&buf, 0)); // whoever looks only at the end must see it
    buf_puts(&buf, "after");
    buf_printf(&buf, "%d", 1);
    assert_true(buf.failed);
    assert_int_equal(buf.length, 6);
    buf_clear(&buf);
    buf_puts(&buf, "again");
    check(&buf, "again", 5);
    buf_free(&buf);
}

static void no_memory_is_told_once_at_the_end(void **state) {
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    struct buf buf = {0};
    char big[1000] = {0};
    buf_puts(&buf, "kept");
    memory_allowed = 0;
    buf_append(&buf, big, sizeof big);
    buf_puts(&buf, "fits, but something is missing before it");
    memory_allowed = SIZE_MAX;
    assert_true(buf.failed);
    assert_int_equal(buf.length, 4);
    buf_free(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_keeps_the_content),
        cmocka_unit_test(nothing_appended_takes_no_memory),
        cmocka_unit_test(reserved_room_is_used_without_moving),
        cmocka_unit_test(printf_appends_at_every_length),
        cmocka_unit_test(json_string),
        cmocka_unit_test(clear_keeps_the_memory),
        cmocka_unit_test(an_impossible_size_fails_and_stays_failed),
        cmocka_unit_test(no_memory_is_told_once_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
