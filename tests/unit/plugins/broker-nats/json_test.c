// SPDX-License-Identifier: MIT
#include "json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void an_answer_is_read(void **state) {
    static const char text[] =
        "{\"error\":{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"},"
        "\"seq\":18446744073709551615,\"name\":7}trailing";
    (void)state;
    yajl_val json = json_read(text, sizeof text - 1 - sizeof "trailing" + 1);
    assert_non_null(json);
    assert_int_equal(json_number(json, "error", "err_code"), 10059);
    assert_string_equal(json_text(json, "error", "description"), "stream not found");
    assert_true(json_number(json, "seq", NULL) == UINT64_MAX);
    assert_null(json_text(json, "name", NULL));
    assert_null(json_text(json, "nobody", "here"));
    assert_int_equal(json_number(json, "nobody", NULL), 0);
    yajl_tree_free(json);
    assert_null(json_read("{", 1));
    assert_null(json_read("", 0));
    assert_null(json_text(NULL, "x", NULL));
}

static void base64_is_read(void **state) {
    static const struct {
        const char *text, *bytes;
        size_t length;
    } table[] = {{"", "", 0},        {"YQ==", "a", 1},          {"YWI=", "ab", 2},
                 {"YWJj", "abc", 3}, {"AP+/", "\0\xff\xbf", 3}, {"YWJjZA", "abcd", 4}};
    unsigned char out[8];
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(json_base64(table[i].text, out), table[i].length);
        assert_memory_equal(out, table[i].bytes, table[i].length);
    }
}

static void times_are_in_order_whatever_their_decimals(void **state) {
    static const char *const order[] = {"2022-11-20T10:00:00Z", "2022-11-20T10:00:00.05Z",
                                        "2022-11-20T10:00:00.123456789Z", "2022-11-20T10:00:00.13Z",
                                        "2022-11-20T10:00:01.1Z"};
    (void)state;
    assert_int_equal(json_time("1970-01-01T00:00:01.5Z"), 1500000000);
    for (size_t i = 1; i < sizeof order / sizeof *order; i++) {
        assert_true(json_time(order[i - 1]) < json_time(order[i]));
    }
    assert_int_equal(json_time("yesterday"), 0);
    assert_int_equal(json_time(NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(base64_is_read),
        cmocka_unit_test(times_are_in_order_whatever_their_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
