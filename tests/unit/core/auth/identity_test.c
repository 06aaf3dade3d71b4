// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/identity.h"

static struct wshub_bytes bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static const struct wshub_grant grants[] = {{{"room:*", 6}, WSHUB_VERB_SUBSCRIBE, 0},
                                            {{"user:{user}", 11}, WSHUB_VERB_PUBLISH, 0}};

static struct wshub_identity ordinary(void) {
    return (struct wshub_identity){
        .struct_size = sizeof(struct wshub_identity),
        .ask = WSHUB_VERB_HISTORY,
        .user = bytes("42"),
        .token_id = bytes("t-1"),
        .info = bytes(" {\"name\":\"Ada\"}\n"),
        .issued = 1000,
        .expires = 2000,
        .grants = grants,
        .grant_count = 2,
    };
}

static struct identity *made(const struct wshub_identity *theirs) {
    const char *why = "unset";
    struct identity *identity = identity_new(theirs, &why);
    assert_null(why);
    assert_non_null(identity);
    return identity;
}

static void assert_span(struct span span, const char *text) {
    assert_int_equal(span.length, strlen(text));
    assert_memory_equal(span.data, text, span.length);
}

static void says_what_it_was_told(void **state) {
    (void)state;
    struct wshub_identity theirs = ordinary();
    struct identity *identity = made(&theirs);
    assert_span(identity_user(identity), "42");
    assert_span(identity_token_id(identity), "t-1");
    assert_span(identity_info(identity), "{\"name\":\"Ada\"}");
    assert_int_equal(identity_issued(identity), 1000);
    assert_int_equal(identity_expires(identity), 2000);
    assert_true(identity_asks(identity, WSHUB_VERB_HISTORY));
    assert_false(identity_asks(identity, WSHUB_VERB_PUBLISH));
    assert_true(identity_may(identity, WSHUB_VERB_SUBSCRIBE, (struct span){"room:1", 6}));
    assert_true(identity_may(identity, WSHUB_VERB_PUBLISH, (struct span){"user:42", 7}));
    assert_false(identity_may(identity, WSHUB_VERB_PUBLISH, (struct span){"user:43", 7}));
    identity_ref(identity);
    identity_unref(identity);
    assert_span(identity_user(identity), "42");
    identity_unref(identity);
}

static void nobody_is_anonymous_and_may_nothing(void **state) {
    (void)state;
    assert_int_equal(identity_user(NULL).length, 0);
    assert_int_equal(identity_token_id(NULL).length, 0);
    assert_int_equal(identity_info(NULL).length, 0);
    assert_int_equal(identity_expires(NULL), 0);
    assert_false(identity_asks(NULL, WSHUB_VERB_PUBLISH));
    assert_false(identity_may(NULL, WSHUB_VERB_PUBLISH, (struct span){"a", 1}));
    identity_ref(NULL);
    identity_unref(NULL);
}

static void refused(const struct wshub_identity *theirs, const char *expected) {
    const char *why = NULL;
    assert_null(identity_new(theirs, &why));
    assert_non_null(why);
    assert_string_equal(why, expected);
}

// Read as far as it says, one without a size would be anybody, for ever.
static void a_size_that_was_not_set_is_refused(void **state) {
    (void)state;
    struct wshub_identity theirs = ordinary();
    const uint32_t sizes[] = {0, 4, sizeof theirs - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        theirs.struct_size = sizes[i];
        refused(&theirs, "its struct_size is not set to sizeof(struct wshub_identity)");
    }
}

static void what_a_newer_plugin_adds_is_passed_over(void **state) {
    (void)state;
    struct {
        struct wshub_identity known;
        uint64_t newer;
    } theirs = {ordinary(), 1};
    theirs.known.struct_size = sizeof theirs;
    struct identity *identity = made(&theirs.known);
    assert_span(identity_user(identity), "42");
    identity_unref(identity);
}

static void what_breaks_a_rule_is_refused(void **state) {
    (void)state;
    static char text[IDENTITY_INFO_MAX + 2];
    memset(text, 'a', sizeof text);
    static const struct {
        const char *data;
        size_t length;
        const char *user, *token_id;
    } texts[] = {
        {text, 256, "user has more than 255 bytes", "token_id has more than 255 bytes"},
        {"caf\xe9", 4, "user is not UTF-8", "token_id is not UTF-8"},
        {"\xed\xa0\x80", 3, "user is not UTF-8", "token_id is not UTF-8"},
        {"a\0b", 3, "user has a control character", "token_id has a control character"},
        {"a\n", 2, "user has a control character", "token_id has a control character"},
        {"\xc2\x9f", 2, "user has a control character", "token_id has a control character"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct wshub_identity theirs = ordinary();
        theirs.user = (struct wshub_bytes){texts[i].data, texts[i].length};
        refused(&theirs, texts[i].user);
        theirs = ordinary();
        theirs.token_id = (struct wshub_bytes){texts[i].data, texts[i].length};
        refused(&theirs, texts[i].token_id);
    }
    static const char *const infos[] = {"{", "{}{}", "nope", " ", "{\"a\":}", "\"\xff\"", "1,2", "1}"};
    for (size_t i = 0; i < sizeof infos / sizeof *infos; i++) {
        struct wshub_identity theirs = ordinary();
        theirs.info = bytes(infos[i]);
        refused(&theirs, "info is not JSON");
    }
    struct wshub_identity theirs = ordinary();
    text[0] = text[IDENTITY_INFO_MAX] = '"';
    theirs.info = (struct wshub_bytes){text, IDENTITY_INFO_MAX + 1};
    refused(&theirs, "info has more than 4 KiB");
    theirs = ordinary();
    theirs.grant_count = IDENTITY_GRANTS_MAX + 1;
    refused(&theirs, "it has more than 1,024 grants");
}

static void the_longest_are_taken(void **state) {
    (void)state;
    static char user[IDENTITY_TEXT_MAX], info[IDENTITY_INFO_MAX];
    memset(user, '*', sizeof user);
    memset(info, 'a', sizeof info);
    info[0] = info[sizeof info - 1] = '"';
    struct wshub_identity theirs = ordinary();
    theirs.user = theirs.token_id = (struct wshub_bytes){user, sizeof user};
    theirs.info = (struct wshub_bytes){info, sizeof info};
    struct identity *identity = made(&theirs);
    assert_int_equal(identity_user(identity).length, sizeof user);
    assert_int_equal(identity_info(identity).length, sizeof info);
    assert_false(identity_may(identity, WSHUB_VERB_PUBLISH, (struct span){"user:42", 7}));
    identity_unref(identity);
}

static void anonymous_has_no_user(void **state) {
    (void)state;
    struct wshub_identity theirs = ordinary();
    theirs.user = theirs.token_id = theirs.info = (struct wshub_bytes){NULL, 0};
    struct identity *identity = made(&theirs);
    assert_int_equal(identity_user(identity).length, 0);
    assert_true(identity_may(identity, WSHUB_VERB_SUBSCRIBE, (struct span){"room:1", 6}));
    assert_false(identity_may(identity, WSHUB_VERB_PUBLISH, (struct span){"user:", 5}));
    identity_unref(identity);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_was_told),
        cmocka_unit_test(nobody_is_anonymous_and_may_nothing),
        cmocka_unit_test(a_size_that_was_not_set_is_refused),
        cmocka_unit_test(what_a_newer_plugin_adds_is_passed_over),
        cmocka_unit_test(what_breaks_a_rule_is_refused),
        cmocka_unit_test(the_longest_are_taken),
        cmocka_unit_test(anonymous_has_no_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
