// SPDX-License-Identifier: MIT
// What is known of a token: due, done, refused, ended long ago, never given out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/tokens.h"

static void expect(const struct tokens *tokens, uint64_t token, const char *expected) {
    const char *why = NULL;
    assert_null(tokens_flying(tokens, token, &why));
    assert_string_equal(why, expected);
}

static void a_token_is_due_once(void **state) {
    struct tokens tokens = {0};
    const char *why;
    (void)state;
    struct call *call = tokens_new(&tokens, OPERATION_PUBLISH);
    uint64_t token = tokens_of(call);
    assert_int_not_equal(token, 0);
    assert_int_equal(tokens.flying, 1);
    assert_ptr_equal(tokens_flying(&tokens, token, &why), call);
    tokens_end(&tokens, call, CALL_COMPLETED, WSHUB_OK);
    assert_int_equal(tokens.flying, 0);
    expect(&tokens, token, "which was completed already");
    tokens_forget(&tokens, call);
    expect(&tokens, token, "which was completed already");
    call = tokens_new(&tokens, OPERATION_SUBSCRIBE); // in the same place
    expect(&tokens, token, "which had ended before");
    assert_int_not_equal(tokens_of(call), token);
    tokens_free(&tokens);
}

static void a_refused_one_is_not_due(void **state) {
    struct tokens tokens = {0};
    (void)state;
    struct call *call = tokens_new(&tokens, OPERATION_PUBLISH);
    tokens_end(&tokens, call, CALL_REFUSED, WSHUB_UNAVAILABLE);
    expect(&tokens, tokens_of(call), "which the slot had refused");
    tokens_free(&tokens);
}

static void others_were_never_given_out(void **state) {
    struct tokens tokens = {0};
    (void)state;
    expect(&tokens, 0, "which the host never gave out");
    struct call *call = tokens_new(&tokens, OPERATION_PUBLISH);
    const uint64_t wrong[] = {0, 1, tokens_of(call) + 1, tokens_of(call) + (UINT64_C(1) << 32), UINT64_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        expect(&tokens, wrong[i], "which the host never gave out");
    }
    tokens_free(&tokens);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_due_once),
        cmocka_unit_test(a_refused_one_is_not_due),
        cmocka_unit_test(others_were_never_given_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
