// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/digest.h"

static struct span span(const char *text) {
    return (struct span){text, strlen(text)};
}

static void it_is_the_beginning_of_sha256(void **state) {
    char out[DIGEST_LENGTH + 1];
    (void)state;
    assert_true(digest_of(span("abc"), span(""), out));
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223");
    assert_true(digest_of(span(""), span(""), out));
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb924");
}

static void two_texts_are_not_one(void **state) {
    char first[DIGEST_LENGTH + 1], second[DIGEST_LENGTH + 1];
    (void)state;
    assert_true(digest_of(span("ab"), span("c"), first));
    assert_true(digest_of(span("a"), span("bc"), second));
    assert_string_not_equal(first, second);
    assert_true(digest_of(span("abc"), span(""), second));
    assert_string_not_equal(first, second);
}

static void a_user_has_a_channel(void **state) {
    char name[DIGEST_USER_LENGTH + 1];
    (void)state;
    assert_true(digest_user_channel(span("abc"), name));
    assert_string_equal(name, "$wshub:user:ba7816bf8f01cfea414140de5dae2223");
    assert_int_equal(strlen(name), DIGEST_USER_LENGTH);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_beginning_of_sha256),
        cmocka_unit_test(two_texts_are_not_one),
        cmocka_unit_test(a_user_has_a_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
