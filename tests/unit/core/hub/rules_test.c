// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/rules.h"
#include "util/buf.h"
#include "util/clock.h"

static struct span span(const char *text) {
    return (struct span){text, strlen(text)};
}

static const struct {
    const char *pattern, *name;
    bool fits;
} match_cases[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"a", "a", true},
    {"a", "ab", false},
    {"ab", "a", false},
    {"A", "a", false},
    {"*", "", true},
    {"*", "anything at all", true},
    {"**", "a", true},
    {"a*", "a", true},
    {"a*", "abc", true},
    {"a*", "ba", false},
    {"*a", "a", true},
    {"*a", "bca", true},
    {"*a", "ab", false},
    {"room:*", "room:", true},
    {"room:*", "room:1", true},
    {"room:*", "room", false},
    {"room:*:typing", "room:1:typing", true},
    {"room:*:typing", "room::typing", true},
    {"room:*:typing", "room:typing", false},
    {"room:*:typing", "room:1:typing:typing", true},
    {"room:*:typing", "room:1:typing:", false},
    {"a*b*c", "abc", true},
    {"a*b*c", "axbxbxc", true},
    {"a*b*c", "axcxb", false},
    {"*a*", "bab", true},
    {"*a*", "bbb", false},
    {"aab", "aaab", false},
    {"*aab", "aaab", true},
    {"a?c", "abc", false}, // only the star is special
    {"a?c", "a?c", true},
    {"[a]", "a", false},
    {"a*c", "a*c", true},
    {"*\xc3\xa9", "caf\xc3\xa9", true},
};

static void patterns_fit_names(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof match_cases / sizeof *match_cases; i++) {
        if (rules_match(match_cases[i].pattern, span(match_cases[i].name)) != match_cases[i].fits) {
            fail_msg("'%s' and '%s'", match_cases[i].pattern, match_cases[i].name);
        }
    }
}

// A name may hold any byte where the rules are concerned; a pattern ends at its NUL.
static void a_nul_in_a_name_is_a_byte(void **state) {
    const struct span name = {"a\0b", 3};
    (void)state;
    assert_false(rules_match("a", name));
    assert_true(rules_match("a*", name));
    assert_true(rules_match("a*b", name));
    assert_false(rules_match("", (struct span){"\0", 1}));
}

// A hostile name against a pattern of many stars: a matcher that tries everything would still be busy next
// year.
static void many_stars_are_quick(void **state) {
    char name[255];
    uint64_t begun = clock_ns();
    (void)state;
    memset(name, 'a', sizeof name);
    for (int i = 0; i < 1000; i++) {
        assert_false(rules_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", (struct span){name, sizeof name}));
    }
    assert_true(clock_ns() - begun < UINT64_C(20000000000));
}

// Against the definition, on every short name and pattern of two letters and the star.
static bool fits_by_definition(const char *pattern, const char *name) {
    if (*pattern == '\0') {
        return *name == '\0';
    }
    if (*pattern == '*') {
        return fits_by_definition(pattern + 1, name) || (*name && fits_by_definition(pattern, name + 1));
    }
    return *pattern == *name && fits_by_definition(pattern + 1, name + 1);
}

static void write_word(char *out, unsigned number, int length, const char *letters) {
    unsigned base = (unsigned)strlen(letters);
    for (int i = 0; i < length; i++) {
        out[i] = letters[number % base];
        number /= base;
    }
    out[length] = '\0';
}

static void the_definition_agrees(void **state) {
    (void)state;
    for (unsigned p = 0; p < 243; p++) {    // 3^5 patterns
        for (unsigned n = 0; n < 64; n++) { // 2^6 names
            char pattern[6], name[7];
            write_word(pattern, p, 5, "ab*");
            write_word(name, n, 6, "ab");
            for (size_t skip_letters = 0; skip_letters <= 6; skip_letters++) {
                if (rules_match(pattern, span(name + skip_letters)) !=
                    fits_by_definition(pattern, name + skip_letters)) {
                    fail_msg("'%s' and '%s'", pattern, name + skip_letters);
                }
            }
        }
    }
}

// ---- the configuration's list

static void read_config(struct config *config, const char *text) {
    struct buf errors = {0};
    if (!config_read(config, "test.yaml", text, strlen(text), &errors)) {
        fail_msg("%.*s", (int)errors.length, errors.data);
    }
    buf_free(&errors);
}

static void the_first_that_fits_decides(void **state) {
    struct config config;
    (void)state;
    read_config(&config, "brokers:\n"
                         "  - {name: one, plugin: memory}\n"
                         "  - {name: two, plugin: memory}\n"
                         "channels:\n"
                         "  - {match: \"a:*\", broker: two, subscribe: all, publish: server}\n"
                         "  - {match: \"a:b*\", broker: one, subscribe: server}\n"
                         "  - {match: \"c\"}\n");
    struct rule rule = rules_find(&config, span("a:b1"));
    assert_int_equal(rule.broker, 1);
    assert_int_equal(rule.subscribe, CONFIG_WHO_ALL);
    assert_int_equal(rule.publish, CONFIG_WHO_SERVER);
    rule = rules_find(&config, span("c")); // says nothing: as if there were no rule
    assert_int_equal(rule.broker, 0);
    assert_int_equal(rule.subscribe, CONFIG_WHO_ALL);
    assert_int_equal(rule.publish, CONFIG_WHO_ALL);
    rule = rules_find(&config, span("elsewhere"));
    assert_int_equal(rule.broker, 0);
    assert_int_equal(rule.subscribe, CONFIG_WHO_ALL);
    assert_int_equal(rule.publish, CONFIG_WHO_ALL);
    config_free(&config);
}

static void a_rule_says_what_is_kept(void **state) {
    struct config config;
    (void)state;
    read_config(&config, "channels:\n"
                         "  - {match: \"tick:*\", last_value: true}\n"
                         "  - {match: \"room:*\", history: {size: 50, ttl: 5m}, last_value: false}\n"
                         "  - {match: \"both:*\", history: {size: 1, ttl: 1s}, last_value: on}\n");
    struct rule rule = rules_find(&config, span("tick:1"));
    assert_true(rule.last_value);
    assert_int_equal(rule.history_size, 0);
    rule = rules_find(&config, span("room:1"));
    assert_false(rule.last_value);
    assert_int_equal(rule.history_size, 50);
    assert_int_equal(rule.history_ttl, 300000);
    rule = rules_find(&config, span("both:1"));
    assert_true(rule.last_value);
    assert_int_equal(rule.history_size, 1);
    assert_int_equal(rule.history_ttl, 1000);
    rule = rules_find(&config, span("elsewhere"));
    assert_false(rule.last_value);
    assert_int_equal(rule.history_size, 0);
    config_free(&config);
}

static void a_rule_says_where_it_is_kept(void **state) {
    struct config config;
    (void)state;
    read_config(&config, "brokers: [{plugin: memory}, {name: b, plugin: redis}]\n"
                         "channels:\n"
                         "  - {match: \"via:*\", history: {size: 1, ttl: 1s, via: b, key_window: 1s}}\n"
                         "  - {match: \"own:*\", broker: b, history: {size: 1, ttl: 1s}}\n"
                         "  - {match: \"long:*\", history: {size: 1, ttl: 1h}}\n");
    struct rule rule = rules_find(&config, span("via:1"));
    assert_int_equal(rule.broker, 0);
    assert_int_equal(rule.history_broker, 1);
    assert_int_equal(rule.key_window, 1000);
    rule = rules_find(&config, span("own:1"));
    assert_int_equal(rule.broker, 1);
    assert_int_equal(rule.history_broker, 1);
    assert_int_equal(rule.key_window, 1000); // no longer than the message itself
    assert_int_equal(rules_find(&config, span("long:1")).key_window, 120000);
    config_free(&config);
}

static void a_rule_says_who_is_seen(void **state) {
    struct config config;
    (void)state;
    read_config(&config, "channels:\n"
                         "  - {match: a, presence: true}\n"
                         "  - {match: b, presence: {events: false, per: user}}\n");
    struct rule rule = rules_find(&config, span("a"));
    assert_true(rule.presence && rule.presence_events && !rule.presence_per_user);
    rule = rules_find(&config, span("b"));
    assert_true(rule.presence && !rule.presence_events && rule.presence_per_user);
    rule = rules_find(&config, span("elsewhere"));
    assert_false(rule.presence || rule.presence_events || rule.presence_per_user);
    config_free(&config);
}

static void who_sends(void **state) {
    static const struct {
        const char *text;
        enum config_who who;
    } cases[] = {
        {"", CONFIG_WHO_SERVER},
        {"auth: none", CONFIG_WHO_SERVER},
        {"auth: none\nsend: all", CONFIG_WHO_ALL},
        {"auth: [{plugin: jwt}]", CONFIG_WHO_GRANTED},
        {"auth: [{plugin: jwt}]\nsend: user", CONFIG_WHO_USER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config;
        read_config(&config, cases[i].text);
        assert_int_equal(rules_who_sends(&config), cases[i].who);
        config_free(&config);
    }
}

static void without_rules_everybody_may(void **state) {
    struct config config;
    (void)state;
    read_config(&config, "");
    struct rule rule = rules_find(&config, span("any"));
    assert_int_equal(rule.broker, 0);
    assert_int_equal(rule.subscribe, CONFIG_WHO_ALL);
    assert_int_equal(rule.publish, CONFIG_WHO_ALL);
    config_free(&config);
}

// What plugins were asked for is not open to everybody by an omission.
static void with_auth_plugins_a_user_may(void **state) {
    struct config config;
    (void)state;
    read_config(&config, "auth: [{plugin: any}]\n"
                         "channels:\n"
                         "  - {match: \"open:*\", subscribe: all}\n"
                         "  - {match: \"granted:*\", publish: granted}\n");
    static const struct {
        const char *name;
        enum config_who subscribe, publish;
    } cases[] = {
        {"open:1", CONFIG_WHO_ALL, CONFIG_WHO_USER},
        {"granted:1", CONFIG_WHO_USER, CONFIG_WHO_GRANTED},
        {"elsewhere", CONFIG_WHO_USER, CONFIG_WHO_USER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rule rule = rules_find(&config, span(cases[i].name));
        assert_int_equal(rule.subscribe, cases[i].subscribe);
        assert_int_equal(rule.publish, cases[i].publish);
    }
    config_free(&config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_fit_names),
        cmocka_unit_test(a_nul_in_a_name_is_a_byte),
        cmocka_unit_test(many_stars_are_quick),
        cmocka_unit_test(the_definition_agrees),
        cmocka_unit_test(the_first_that_fits_decides),
        cmocka_unit_test(without_rules_everybody_may),
        cmocka_unit_test(a_rule_says_where_it_is_kept),
        cmocka_unit_test(a_rule_says_who_is_seen),
        cmocka_unit_test(who_sends),
        cmocka_unit_test(a_rule_says_what_is_kept),
        cmocka_unit_test(with_auth_plugins_a_user_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
