// SPDX-License-Identifier: MIT
// What clients have sent, found again in what is said.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/inquiry.h"
#include "auth/secrets.h"
#include "host/peer.h"

#define CLEAN(text) assert_null(secrets_find(&secrets, bytes_of(text), SECRETS_AND_SENT))
#define DIRTY(text, kinds, expected) \
    assert_string_equal(secrets_find(&secrets, bytes_of(text), kinds), expected)

static void parts_are_found_and_chance_is_not(void **state) {
    static const struct wshub_pair headers[] = {
        {{"authorization", 13}, {"Basic dXNlcjpwYXNzd29yZA==", 26}},
        {{"user-agent", 10}, {"a browser of the kit's", 22}},
    };
    struct secrets secrets;
    const struct inquiry inquiry = {.request = {.token = {"0123456789abcdefghij", 20},
                                                .path = {"/a/path/that/is/long", 20},
                                                .headers = headers,
                                                .header_count = 2}};
    (void)state;
    assert_true(secrets_init(&secrets));
    CLEAN("0123456789abcdefghij"); // nothing is known yet
    assert_true(secrets_add(&secrets, &inquiry));
    DIRTY("no: 0123456789abcdefghij", SECRETS_ONLY, "the token");
    DIRTY("no: 456789abcdefghij...", SECRETS_ONLY, "the token");
    CLEAN("no: 56789abcdefghij...");
    CLEAN("no such token");
    DIRTY("Basic dXNlcjpwYXNzd29yZA==", SECRETS_ONLY, "the header Authorization");
    assert_null(secrets_find(&secrets, bytes_of("at /a/path/that/is/long"), SECRETS_ONLY));
    DIRTY("at /a/path/that/is/long", SECRETS_AND_SENT, "what the client has sent");
    DIRTY("for a browser of the kit's", SECRETS_AND_SENT, "what the client has sent");
    secrets_free(&secrets);
}

static void what_is_secret_to_the_kit_is_not_kept(void **state) {
    struct secrets secrets;
    const struct inquiry inquiry = {.secret = true, .request = {.token = {"0123456789abcdefghij", 20}}};
    (void)state;
    assert_true(secrets_init(&secrets));
    assert_true(secrets_add(&secrets, &inquiry));
    CLEAN("0123456789abcdefghij");
    secrets_free(&secrets);
}

static void the_oldest_go(void **state) {
    struct secrets secrets;
    (void)state;
    assert_true(secrets_init(&secrets));
    for (int i = 0; i < 1000; i++) {
        char token[32];
        snprintf(token, sizeof token, "a-token-number-%05d", i);
        const struct inquiry inquiry = {.request = {.token = bytes_of(token)}};
        assert_true(secrets_add(&secrets, &inquiry));
    }
    DIRTY("a-token-number-00999", SECRETS_ONLY, "the token");
    assert_null(secrets_find(&secrets, bytes_of("number-00000"), SECRETS_ONLY));
    secrets_free(&secrets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found_and_chance_is_not),
        cmocka_unit_test(what_is_secret_to_the_kit_is_not_kept),
        cmocka_unit_test(the_oldest_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
