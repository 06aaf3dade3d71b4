// SPDX-License-Identifier: MIT
#include "json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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

static void an_object_is_written_with_another_number(void **state) {
    static const char text[] =
        "{\"config\":{\"name\":\"a\\\"\\\\\\u0001\",\"window\":5,\"most\":-1,\"none\":[],"
        "\"some\":[\"x\",{}],\"in\":{\"window\":1.50},\"yes\":true,\"no\":false,\"null\":null}}";
    static const char wanted[] =
        "{\"name\":\"a\\\"\\\\\\u0001\",\"most\":-1,\"none\":[],\"some\":[\"x\",{}],"
        "\"in\":{\"window\":1.50},\"yes\":true,\"no\":false,\"null\":null,\"window\":7}";
    char out[sizeof wanted + 1];
    (void)state;
    yajl_val json = json_read(text, sizeof text - 1);
    assert_true(json_with_number(json, "config", "window", 7, out, sizeof out));
    assert_string_equal(out, wanted);
    for (size_t size = 1; size < sizeof wanted; size++) {
        assert_false(json_with_number(json, "config", "window", 7, out, size));
    }
    assert_false(json_with_number(json, "nobody", "window", 7, out, sizeof out));
    yajl_tree_free(json);
}

// Freeing what is nested a million times would take more stack than there is.
static void what_is_nested_deep_is_refused(void **state) {
    enum { DEEP = 1 << 20 };
    char *text = malloc(DEEP * 2);
    (void)state;
    assert_non_null(text);
    memset(text, '[', DEEP);
    memset(text + DEEP, ']', DEEP);
    assert_null(json_read(text, DEEP * 2));
    assert_null(json_read(text, DEEP));
    memset(text, '{', DEEP);
    text[0] = text[DEEP - 1] = '"'; // a text: not nested at all
    text[100] = '\\';
    text[101] = '"';
    yajl_val json = json_read(text, DEEP);
    assert_non_null(json);
    yajl_tree_free(json);
    free(text);
}

// Whatever comes is read or refused; the sanitizers look on.
static void damaged_answers_do_no_harm(void **state) {
    static const char good[] =
        "{\"error\":{\"err_code\":10059,\"description\":\"x\"},\"streams\":[\"KV_a\",7,null],\"total\":1e3,"
        "\"message\":{\"seq\":5,\"hdrs\":\"TkFUUw==\",\"data\":\"YQ==\",\"time\":\"2022-11-20T10:00:00Z\"}}";
    unsigned random = 1;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[sizeof good];
        unsigned char out[sizeof good];
        memcpy(text, good, sizeof good);
        for (int n = 0; n < 1 + i % 4; n++) {
            random = random * 1664525 + 1013904223;
            text[(random >> 8) % (sizeof good - 1)] = (char)(random >> 24);
        }
        yajl_val json = json_read(text, (random >> 4) % sizeof good);
        const char *data = json_text(json, "message", "data");
        json_number(json, "message", "seq");
        json_time(json_text(json, "message", "time"));
        if (data) {
            assert_true(json_base64(data, out) <= strlen(data));
        }
        yajl_tree_free(json);
    }
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
        cmocka_unit_test(an_object_is_written_with_another_number),
        cmocka_unit_test(what_is_nested_deep_is_refused),
        cmocka_unit_test(damaged_answers_do_no_harm),
        cmocka_unit_test(base64_is_read),
        cmocka_unit_test(times_are_in_order_whatever_their_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
