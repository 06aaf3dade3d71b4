// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "auth/grants.h"
#include "auth/identity.h"
#include "hub/rules.h"

static struct span span(const char *text) {
    return (struct span){text, strlen(text)};
}

static struct wshub_grant grant(const char *pattern, uint32_t verbs, uint32_t flags) {
    return (struct wshub_grant){{pattern, strlen(pattern)}, verbs, flags};
}

static struct grants *made(const struct wshub_grant *theirs, uint64_t count, const char *user) {
    const char *why = "unset";
    struct grants *grants = grants_new(theirs, count, span(user), &why);
    assert_null(why);
    assert_non_null(grants);
    return grants;
}

// Every connection has some, for as long as it lives.
static void few_grants_are_small(void **state) {
    const struct wshub_grant theirs = grant("room:{user}:*", WSHUB_VERB_SUBSCRIBE, 0);
    struct grants *grants = made(&theirs, 1, "ann");
    (void)state;
    assert_true(malloc_usable_size(grants) <= 64);
    grants_free(grants);
}

static bool one_covers(const char *pattern, uint32_t flags, const char *user, const char *name) {
    const struct wshub_grant theirs = grant(pattern, WSHUB_VERB_SUBSCRIBE, flags);
    struct grants *grants = made(&theirs, 1, user);
    bool covers = grants_cover(grants, WSHUB_VERB_SUBSCRIBE, span(name));
    assert_false(grants_cover(grants, WSHUB_VERB_PUBLISH, span(name)));
    grants_free(grants);
    return covers;
}

static const struct {
    const char *pattern;
    uint32_t flags;
    const char *user, *name;
    bool covers;
} cases[] = {
    {"a", 0, "", "a", true},
    {"a", 0, "", "A", false},
    {"a", 0, "", "ab", false},
    {"ab", 0, "", "a", false},
    {"*", 0, "", "a", true},
    {"*", 0, "", "", false}, // no name
    {"**", 0, "", "a", true},
    {"room:*", 0, "", "room:", true},
    {"room:*", 0, "", "room:1", true},
    {"room:*", 0, "", "room", false},
    {"*a", 0, "", "bca", true},
    {"*a", 0, "", "ab", false},
    {"a*b*c", 0, "", "abc", true},
    {"a*b*c", 0, "", "axbxbxc", true},
    {"a*b*c", 0, "", "axcxb", false},
    {"ab*ba", 0, "", "aba", false}, // head and tail do not share bytes
    {"*aab", 0, "", "aaab", true},
    {"*ab*ab", 0, "", "abab", true},
    {"*ab*ab", 0, "", "ab", false},
    {"a?c", 0, "", "abc", false},
    // {user}
    {"user:{user}", 0, "42", "user:42", true},
    {"user:{user}", 0, "42", "user:43", false},
    {"user:{user}", 0, "42", "user:{user}", false},
    {"{user}:{user}", 0, "a", "a:a", true},
    {"{user}:{user}", 0, "a", "a:b", false},
    {"{user}:*", 0, "42", "42:inbox", true},
    {"{{user}}", 0, "42", "{42}", true},
    {"{user", 0, "42", "{user", true},
    {"{User}", 0, "42", "42", false},
    {"{User}", 0, "42", "{User}", true},
    // an anonymous has no such grant
    {"user:{user}", 0, "", "user:", false},
    {"user:{user}", 0, "", "user:{user}", false},
    {"*{user}*", 0, "", "a", false},
    // what the user's id looks like does not matter
    {"user:{user}", 0, "*", "user:42", false},
    {"user:{user}", 0, "*", "user:*", true},
    {"user:{user}", 0, "a*b", "user:ab", false},
    {"user:{user}", 0, "a*b", "user:axb", false},
    {"user:{user}", 0, "a*b", "user:a*b", true},
    {"user:{user}:*", 0, "*", "user:42:a", false},
    {"user:{user}:*", 0, "*", "user:*:a", true},
    {"user:{user}", 0, "{user}", "user:{user}", true},
    {"user:{user}", 0, "{user}", "user:user:{user}", false},
    {"user:{user}", 0, "a:b", "user:a:b", true},
    {"user:{user}", 0, "\xc3\xa9", "user:\xc3\xa9", true},
    {"{user}{user}", 0, "*", "**", true},
    {"{user}{user}", 0, "*", "*a", false},
    {"{user}{user}", 0, "*", "*", false},
    // exact
    {"*", WSHUB_GRANT_EXACT, "42", "*", true},
    {"*", WSHUB_GRANT_EXACT, "42", "a", false},
    {"a**b", WSHUB_GRANT_EXACT, "42", "a**b", true},
    {"a**b", WSHUB_GRANT_EXACT, "42", "a*b", false},
    {"user:{user}", WSHUB_GRANT_EXACT, "42", "user:42", false},
    {"user:{user}", WSHUB_GRANT_EXACT, "42", "user:{user}", true},
    {"user:{user}", WSHUB_GRANT_EXACT, "", "user:{user}", true},
    // of a later minor
    {"a", 1 << 1, "42", "a", false},
    {"a", WSHUB_GRANT_EXACT | UINT32_C(1) << 31, "42", "a", false},
};

static void covers_what_it_says(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (one_covers(cases[i].pattern, cases[i].flags, cases[i].user, cases[i].name) != cases[i].covers) {
            fail_msg("\"%s\" (flags %u) of user \"%s\" and \"%s\"", cases[i].pattern, cases[i].flags,
                     cases[i].user, cases[i].name);
        }
    }
}

// What a pattern of `channels:` covers, a grant does too, and nothing else.
static void stars_are_those_of_the_rules(void **state) {
    (void)state;
    static const char letters[] = "ab*";
    char pattern[6], name[6];
    for (unsigned p = 0; p < 243; p++) {
        for (unsigned n = 0; n < 64; n++) {
            size_t pattern_length = 1 + p % 5, name_length = 1 + n % 5;
            unsigned left = p, right = n;
            for (size_t i = 0; i < 5; i++, left /= 3, right /= 2) {
                pattern[i] = letters[left % 3];
                name[i] = letters[right % 2];
            }
            pattern[pattern_length] = name[name_length] = '\0';
            bool fits = rules_match(pattern, span(name));
            if (one_covers(pattern, 0, "", name) != fits) {
                fail_msg("\"%s\" and \"%s\"", pattern, name);
            }
        }
    }
}

static void the_longest_user_fits(void **state) {
    (void)state;
    char user[256], name[256];
    memset(user, 'u', 255);
    user[255] = '\0';
    assert_true(one_covers("{user}", 0, user, user));
    assert_true(one_covers("*{user}*", 0, user, user));
    assert_false(one_covers("a{user}", 0, user, user)); // no name is as long as that
    assert_false(one_covers("{user}{user}", 0, user, user));
    memcpy(name, user, sizeof name);
    name[254] = 'v';
    assert_false(one_covers("{user}", 0, user, name));
}

static void verbs_are_told_apart(void **state) {
    (void)state;
    const struct wshub_grant theirs[] = {
        grant("a", WSHUB_VERB_SUBSCRIBE, 0),
        grant("b", WSHUB_VERB_PUBLISH | UINT32_C(1) << 30, 0),
        grant("a", WSHUB_VERB_HISTORY, WSHUB_GRANT_EXACT), // the same name once more
        grant("c*", WSHUB_VERB_PRESENCE, 0),
        grant("c*", WSHUB_VERB_SEND, 0),
        grant("d", UINT32_C(1) << 30, 0),
    };
    struct grants *grants = made(theirs, 6, "42");
    static const struct {
        const char *name;
        uint32_t verbs;
    } wanted[] = {
        {"a", WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_HISTORY},
        {"b", WSHUB_VERB_PUBLISH},
        {"c1", WSHUB_VERB_PRESENCE | WSHUB_VERB_SEND},
        {"d", 0},
    };
    for (size_t i = 0; i < 4; i++) {
        for (uint32_t verb = 1; verb <= WSHUB_VERB_SEND; verb <<= 1) {
            assert_int_equal(grants_cover(grants, (enum wshub_verb)verb, span(wanted[i].name)),
                             (wanted[i].verbs & verb) != 0);
        }
    }
    grants_free(grants);
}

static void every_one_of_many_is_found(void **state) {
    (void)state;
    static char names[IDENTITY_GRANTS_MAX][16];
    static struct wshub_grant theirs[IDENTITY_GRANTS_MAX];
    for (int i = 0; i < IDENTITY_GRANTS_MAX; i++) {
        int length = sprintf(names[i], i % 8 ? "n%d" : "p%d:*", i * 7919 % 10007);
        theirs[i] = (struct wshub_grant){{names[i], (uint64_t)length}, WSHUB_VERB_PUBLISH, 0};
    }
    struct grants *grants = made(theirs, IDENTITY_GRANTS_MAX, "");
    for (int i = 0; i < IDENTITY_GRANTS_MAX; i++) {
        assert_true(grants_cover(grants, WSHUB_VERB_PUBLISH, span(names[i])));
    }
    assert_false(grants_cover(grants, WSHUB_VERB_PUBLISH, span("n")));
    assert_false(grants_cover(grants, WSHUB_VERB_PUBLISH, span("n99999")));
    grants_free(grants);
}

// It has copied all of it.
static void what_was_lent_may_go(void **state) {
    (void)state;
    char pattern[] = "room:{user}", user[] = "42";
    struct wshub_grant theirs = grant(pattern, WSHUB_VERB_SUBSCRIBE, 0);
    struct grants *grants = made(&theirs, 1, user);
    memset(pattern, 'x', sizeof pattern);
    memset(user, 'x', sizeof user);
    memset(&theirs, 0, sizeof theirs);
    assert_true(grants_cover(grants, WSHUB_VERB_SUBSCRIBE, span("room:42")));
    grants_free(grants);
}

static void refused(const struct wshub_grant *theirs, uint64_t count, const char *expected) {
    const char *why = NULL;
    assert_null(grants_new(theirs, count, span("42"), &why));
    assert_string_equal(why, expected);
}

static void what_breaks_a_rule_is_refused(void **state) {
    (void)state;
    static char text[256];
    static struct wshub_grant many[IDENTITY_GRANTS_MAX + 1];
    memset(text, 'a', sizeof text);
    const struct wshub_grant empty = {{"", 0}, 1, 0}, none = {{NULL, 0}, 1, 0}, huge = {{text, 256}, 1, 0};
    const struct wshub_grant bytes = {{"a\0b", 3}, 1, 0}, c1 = grant("a\xc2\x85", 1, 0);
    const struct wshub_grant latin = grant("caf\xe9", 1, 0);
    refused(&empty, 1, "a grant's pattern has 1 to 255 bytes");
    refused(&none, 1, "a grant's pattern has 1 to 255 bytes");
    refused(&huge, 1, "a grant's pattern has 1 to 255 bytes");
    refused(&bytes, 1, "a grant's pattern has a control character");
    refused(&c1, 1, "a grant's pattern has a control character");
    refused(&latin, 1, "a grant's pattern is not UTF-8");
    for (int i = 0; i <= IDENTITY_GRANTS_MAX; i++) {
        many[i] = (struct wshub_grant){{text, 255}, 1, 0};
    }
    refused(many, IDENTITY_GRANTS_MAX + 1, "it has more than 1,024 grants");
    refused(many, 258, "the patterns of its grants have more than 64 KiB");
    grants_free(made(many, 257, "42"));
    grants_free(made(NULL, 0, "42"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_grants_are_small),         cmocka_unit_test(covers_what_it_says),
        cmocka_unit_test(stars_are_those_of_the_rules), cmocka_unit_test(the_longest_user_fits),
        cmocka_unit_test(verbs_are_told_apart),         cmocka_unit_test(every_one_of_many_is_found),
        cmocka_unit_test(what_was_lent_may_go),         cmocka_unit_test(what_breaks_a_rule_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
