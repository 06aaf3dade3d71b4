// SPDX-License-Identifier: MIT
// Identities: which ones break a rule of wshub/auth.h, and which two are one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdint.h>
#include <time.h>

#include "auth/told.h"

static const struct wshub_bytes user = {"alice", 5};

static struct wshub_identity right(void) {
    static const struct wshub_grant grants[] = {
        {{"room:*", 6}, WSHUB_VERB_SUBSCRIBE, 0},
        {{"inbox:{user}", 12}, WSHUB_VERB_PUBLISH, WSHUB_GRANT_EXACT},
    };
    return (struct wshub_identity){.struct_size = sizeof(struct wshub_identity),
                                   .user = user,
                                   .info = {"{\"a\":1}", 7},
                                   .expires = ((uint64_t)time(NULL) + 60) * 1000,
                                   .grants = grants,
                                   .grant_count = 2};
}

static void expect_wrong(const struct wshub_identity *identity, const char *expected) {
    char why[TOLD_WHY] = "";
    struct wshub_identity wide;
    assert_false(told_take(&wide, identity, why));
    assert_non_null(strstr(why, expected));
}

static void what_is_right_is_copied_whole(void **state) {
    struct wshub_identity identity = right(), wide;
    char why[TOLD_WHY], name[] = "alice";
    (void)state;
    identity.user.data = name;
    assert_true(told_take(&wide, &identity, why));
    struct told *told = told_copy(&wide);
    memset(name, 'x', sizeof name);
    assert_memory_equal(told->identity.user.data, "alice", 5);
    assert_memory_equal(told->identity.grants[1].pattern.data, "inbox:{user}", 12);
    assert_int_equal(told->identity.grants[1].flags, WSHUB_GRANT_EXACT);
    free(told);
}

static void nobody_is_right_too(void **state) {
    struct wshub_identity nobody = {.struct_size = sizeof nobody}, wide;
    char why[TOLD_WHY];
    (void)state;
    assert_true(told_take(&wide, &nobody, why));
}

static void what_breaks_a_rule_is_named(void **state) {
    static char text[70000];
    static struct wshub_grant many[1025];
    struct wshub_identity identity;
    (void)state;
    memset(text, 'a', sizeof text);
    expect_wrong(NULL, "struct_size 0");
#define WRONG(change, expected)            \
    do {                                   \
        identity = right();                \
        identity.change;                   \
        expect_wrong(&identity, expected); \
    } while (0)
    WRONG(struct_size = 8, "struct_size 8");
    WRONG(user.length = 256; identity.user.data = text, "a user of 256 bytes, expected at most 255");
    WRONG(user.data = NULL, "at NULL");
    WRONG(user.data = "a\xFFice", "not UTF-8");
    WRONG(user.data = "a\nice", "control character");
    WRONG(user.data = "a\xC2\x80ie", "control character");
    WRONG(token_id = ((struct wshub_bytes){"\x7F", 1}), "a token_id with a control character");
    WRONG(info = ((struct wshub_bytes){"{", 1}), "not JSON");
    WRONG(info = ((struct wshub_bytes){text, 4097}), "info of 4097 bytes");
    WRONG(expires = 1700000000, "since 1970");
    WRONG(grant_count = 1025; identity.grants = many, "1025 grants");
    WRONG(grants = NULL, "at NULL");
    WRONG(grant_count = 1; identity.grants = many, "grant 1 with a pattern of no bytes");
    for (size_t i = 0; i < 1024; i++) {
        many[i].pattern = (struct wshub_bytes){text, 255};
    }
    WRONG(grant_count = 1024; identity.grants = many, "patterns of 261120 bytes together");
}

static struct told *copy(const struct wshub_identity *identity) {
    struct told *told = told_copy(identity);
    assert_non_null(told);
    return told;
}

static void times_may_differ_and_nothing_else(void **state) {
    struct wshub_identity one = right(), other = right();
    const struct wshub_grant turned[] = {one.grants[1], one.grants[0]};
    char why[TOLD_WHY] = "";
    (void)state;
    other.expires += 5000;
    other.grants = turned;
    struct told *a = copy(&one), *b = copy(&other);
    assert_true(told_is_same(a, b, why));
    b->identity.expires = 0;
    assert_false(told_is_same(a, b, why));
    assert_string_equal(why, "another expires");
    b->identity.expires = 1;
    b->identity.user.length = 4;
    assert_false(told_is_same(a, b, why));
    assert_string_equal(why, "another user");
    b->identity.user.length = 5;
    b->identity.grant_count = 1;
    assert_false(told_is_same(a, b, why));
    assert_string_equal(why, "another list of grants");
    free(a);
    free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_is_copied_whole),
        cmocka_unit_test(nobody_is_right_too),
        cmocka_unit_test(what_breaks_a_rule_is_named),
        cmocka_unit_test(times_may_differ_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
