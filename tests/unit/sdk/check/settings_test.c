// SPDX-License-Identifier: MIT
// The kit's configuration file: what is read, what ${BROKER} is, and what is refused with its place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "settings.h"
#include "util/buf.h"
#include "wshub/auth.h"

static bool read_text(struct settings *settings, const char *text, const char *broker, struct buf *errors) {
    struct buf all = {0};
    buf_puts(&all, text);
    bool ok = settings_read(settings, "kit.yaml", &all, broker, errors);
    buf_free(&all);
    return ok;
}

static void reads_all_of_it(void **state) {
    struct settings settings;
    struct buf errors = {0};
    (void)state;
    assert_true(read_text(
        &settings,
        "options: {url: \"redis://${BROKER}/0\", host: \"${BROKER_HOST}\", port: \"${BROKER_PORT}\"}\n"
        "broker:\n  address: 127.0.0.1:6379\n  stop: a\n  pause: b\n  resume: c\n  restart: d\n",
        NULL, &errors));
    assert_string_equal(settings.address, "127.0.0.1:6379");
    assert_string_equal(settings.stop, "a");
    assert_string_equal(settings.restart, "d");
    assert_int_equal(settings.plugin.option_count, 3);
    assert_string_equal(settings.plugin.options[0].value, "redis://127.0.0.1:6379/0");
    assert_string_equal(settings.plugin.options[1].value, "127.0.0.1");
    assert_string_equal(settings.plugin.options[2].value, "6379");
    settings_free(&settings);
}

static void another_address_takes_its_place(void **state) {
    struct settings settings;
    struct buf errors = {0};
    (void)state;
    assert_true(read_text(&settings, "options: {url: \"${BROKER}\"}\nbroker: {address: 127.0.0.1:1}\n",
                          "[::1]:22", &errors));
    assert_string_equal(settings.plugin.options[0].value, "[::1]:22");
    assert_string_equal(getenv("BROKER_HOST"), "[::1]");
    assert_string_equal(settings.address, "127.0.0.1:1"); // what the relay goes to
    settings_free(&settings);
}

static void the_address_may_come_from_the_environment(void **state) {
    struct settings settings;
    struct buf errors = {0};
    (void)state;
    setenv("WHERE", "localhost:5", 1);
    assert_true(read_text(&settings, "broker: {address: \"${WHERE}\"}\noptions: {url: \"${BROKER}\"}\n", NULL,
                          &errors));
    assert_string_equal(settings.plugin.options[0].value, "localhost:5");
    settings_free(&settings);
}

static void an_empty_one_is_right(void **state) {
    struct settings settings;
    struct buf errors = {0};
    (void)state;
    assert_true(read_text(&settings, "", NULL, &errors));
    assert_true(settings_read(&settings, "kit.yaml", NULL, NULL, &errors));
    assert_null(settings.address);
}

static void reads_requests(void **state) {
    struct settings settings;
    struct buf errors = {0};
    (void)state;
    assert_true(
        read_text(&settings,
                  "options: {url: \"http://${BACKEND}/\"}\n"
                  "backend: {address: 127.0.0.1:8080, stop: a, restart: b}\n"
                  "requests:\n"
                  "  - {token: abc, expect: yes, user: \"\", changed: no}\n"
                  "  - {headers: {X-Key: k, Accept: all}, cookies: {a: b}, source: cookie, expect: pass}\n"
                  "authorize: [{token: abc, verb: send, name: bob, data: \"1\", expect: no}]\n"
                  "reload: {change: c, restore: d}\n",
                  NULL, &errors));
    assert_string_equal(settings.section, "backend");
    assert_string_equal(settings.plugin.options[0].value, "http://127.0.0.1:8080/");
    assert_string_equal(settings.stop, "a");
    assert_string_equal(settings.change, "c");
    assert_int_equal(settings.requests.count, 2);
    const struct requests_entry *first = &settings.requests.items[0], *second = first + 1;
    assert_string_equal(first->token, "abc");
    assert_int_equal(first->source, WSHUB_TOKEN_HEADER);
    assert_int_equal(first->expect, EXPECT_YES);
    assert_int_equal(first->changed, EXPECT_NO);
    assert_string_equal(first->user, "");
    assert_int_equal(first->line, 4);
    assert_null(second->token);
    assert_int_equal(second->source, WSHUB_TOKEN_COOKIE);
    assert_int_equal(second->headers.count, 2);
    assert_string_equal(second->headers.items[0].name, "X-Key");
    assert_string_equal(second->cookies.items[0].value, "b");
    assert_int_equal(settings.authorize.items[0].verb, WSHUB_VERB_SEND);
    assert_string_equal(settings.authorize.items[0].data, "1");
    settings_free(&settings);
}

static const struct {
    const char *text, *error; // behind the name
} refused[] = {
    {"requests: x\n",
     ":1:11: requests: found \"x\", expected a list of entries {token, source, headers, "
     "cookies, path, query, address, protocol, subprotocols, expect, changed, away, user}\n"},
    {"requests: [x]\n",
     ":1:12: requests[0]: found \"x\", expected an entry such as {token: abc, expect: yes, user: \"42\"}\n"},
    {"requests: [{expect: no, cookies: {a: [b]}}]\n",
     ":1:38: requests[0].cookies.a: found a list, expected a text\n"},
    {"reload: {change: a}\n", ":1:9: reload: found no restore, expected the command that undoes change\n"},
    {"backend: {pause: a}\n", ":1:10: backend: found pause alone, expected pause and resume\n"},
    {"brokr: {}\n", ":1:1: brokr: found an unknown key, expected broker perhaps\n"},
    {"broker:\n  adress: x:1\n",
     ":2:3: broker.adress: found an unknown key, expected broker.address perhaps\n"},
    {"broker:\n  address: nowhere\n",
     ":2:12: broker.address: found \"nowhere\", expected HOST:PORT, such as 127.0.0.1:6379\n"},
    {"broker: {address: \"host:0\"}\n",
     ":1:19: broker.address: found \"host:0\", expected HOST:PORT, such as 127.0.0.1:6379\n"},
    {"broker: {address: \"::1:80\"}\n",
     ":1:19: broker.address: found \"::1:80\", expected HOST:PORT, such as 127.0.0.1:6379\n"},
    {"broker: {stop: \" \"}\n", ":1:16: broker.stop: found \" \", expected a command for sh -c\n"},
    {"broker: {pause: \"true\"}\n", ":1:9: broker: found pause alone, expected pause and resume\n"},
    {"[]\n", ":1:1: found a list, expected keys with values, such as options: {url: ...}\n"},
    {"options: {a: \"${WSHUB_NOT_SET}\"}\n",
     ":1:14: options.a: found ${WSHUB_NOT_SET}, expected it to be set in the environment\n"},
};

static void wrong_ones_are_refused_with_their_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct settings settings;
        struct buf errors = {0};
        char expected[512];
        assert_false(read_text(&settings, refused[i].text, NULL, &errors));
        snprintf(expected, sizeof expected, "kit.yaml%s", refused[i].error);
        buf_append(&errors, "", 1);
        assert_string_equal(errors.data, expected);
        buf_free(&errors);
    }
}

static void a_file_that_is_not_there_is_named(void **state) {
    struct buf text = {0}, errors = {0};
    (void)state;
    assert_false(settings_load(&text, "/nowhere/kit.yaml", &errors));
    buf_append(&errors, "", 1);
    assert_string_equal(
        errors.data, "/nowhere/kit.yaml: found no readable file, expected one: No such file or directory\n");
    buf_free(&errors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_of_it),
        cmocka_unit_test(another_address_takes_its_place),
        cmocka_unit_test(the_address_may_come_from_the_environment),
        cmocka_unit_test(an_empty_one_is_right),
        cmocka_unit_test(reads_requests),
        cmocka_unit_test(wrong_ones_are_refused_with_their_place),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
