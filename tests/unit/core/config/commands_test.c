// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/commands.h"
#include "config/config.h"
#include "util/buf.h"

struct outcome {
    char *out, *err;
    size_t out_length, err_length;
    int code;
};

static bool nothing_else(const struct config *config, const char *name, struct buf *errors) {
    (void)config;
    (void)name;
    (void)errors;
    return true;
}

static struct outcome check(const char *path) {
    struct outcome outcome = {0};
    FILE *out = open_memstream(&outcome.out, &outcome.out_length);
    FILE *err = open_memstream(&outcome.err, &outcome.err_length);
    outcome.code = config_check_command(path, nothing_else, out, err);
    fclose(out);
    fclose(err);
    return outcome;
}

static void expect(const char *path, int code, const char *out, const char *err) {
    struct outcome outcome = check(path);
    assert_string_equal(outcome.out, out);
    assert_string_equal(outcome.err, err);
    assert_int_equal(outcome.code, code);
    free(outcome.out);
    free(outcome.err);
}

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

// Each test has a folder of its own as working directory.
static int enter(void **state) {
    char *folder = strdup("/tmp/wshub-commands-test-XXXXXX");
    *state = folder;
    return folder && mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave(void **state) {
    unlink("wshub.yaml");
    int result = chdir("/") == 0 ? rmdir(*state) : -1;
    free(*state);
    return result;
}

static void says_what_a_configuration_would_do(void **state) {
    (void)state;
    put("wshub.yaml",
        "listen: [0.0.0.0:80, unix:/x]\nauth: none\nbrokers: [{plugin: redis}, {name: b, plugin: ./b.so}]\n");
    expect("wshub.yaml", 0,
           "wshub.yaml: ok\n"
           "listens on 0.0.0.0:80, unix:/x; brokers: main (redis), b (./b.so); clients: everyone is let in\n",
           "");
}

static void says_what_channels_have(void **state) {
    (void)state;
    put("wshub.yaml", "channels: [{match: a, history: {size: 5, ttl: 1m}, presence: true},\n"
                      "  {match: b, history: {size: 5, ttl: 1m}}, {match: c}]\n");
    expect("wshub.yaml", 0,
           "wshub.yaml: ok\n"
           "listens on 127.0.0.1:8000; brokers: main (memory); clients: everyone on this machine is let in; "
           "channels: 3 rules, 2 with a history, 1 with presence\n",
           "");
}

#define ADVICE(where)                                                                                    \
    "every user may subscribe and publish to every channel" where                                        \
    "; what the plugins grant counts where a rule says so: {match: \"*\", subscribe: granted, publish: " \
    "granted}\n"

static void says_who_is_let_in_by_whom(void **state) {
    (void)state;
    static const char summary[] = "wshub.yaml: ok\n"
                                  "listens on *:80; brokers: main (memory); clients: let in by my (./my.so), "
                                  "else jwt, else refused";
    static const char auth[] = "listen: \"*:80\"\nauth: [{plugin: ./my.so}, {plugin: jwt}]\n";
    static const struct {
        const char *channels, *rules, *advice;
    } cases[] = {
        {"", "", ADVICE("")},
        {"channels: [{match: x, publish: server}]\n", "; channels: 1 rule",
         ADVICE(" that no rule of `channels` keeps from them")},
        {"channels: [{match: x}, {match: y, publish: granted}]\n", "; channels: 2 rules", ""},
        {"channels: [{match: x, subscribe: granted}]\n", "; channels: 1 rule", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512], expected[1024];
        snprintf(text, sizeof text, "%s%s", auth, cases[i].channels);
        snprintf(expected, sizeof expected, "%s%s\n%s", summary, cases[i].rules, cases[i].advice);
        put("wshub.yaml", text);
        expect("wshub.yaml", 0, expected, "");
    }
}

static void says_that_no_page_brings_the_cookie(void **state) {
    (void)state;
    static const char advice[] = "no page brings the cookie sid: ";
    static const struct {
        const char *text;
        bool advised;
    } cases[] = {
        {"auth: [{plugin: jwt}]\ncredentials: {cookie: sid}\norigins: [\"*\"]\n", true},
        {"auth: [{plugin: jwt}]\ncredentials: {cookie: sid}\norigins: [\"*\", same-host]\n", false},
        {"auth: [{plugin: jwt}]\ncredentials: {cookie: sid}\n", false},
        {"auth: [{plugin: jwt}]\norigins: [\"*\"]\n", false},
        {"auth: none\ncredentials: {cookie: sid}\norigins: [\"*\"]\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put("wshub.yaml", cases[i].text);
        struct outcome outcome = check("wshub.yaml");
        assert_int_equal(outcome.code, 0);
        assert_int_equal(strstr(outcome.out, advice) != NULL, cases[i].advised);
        free(outcome.out);
        free(outcome.err);
    }
}

static void counts_the_errors(void **state) {
    (void)state;
    put("wshub.yaml", "workers: 0\n");
    expect("wshub.yaml", 2, "",
           "wshub.yaml:1:10: workers: found \"0\", expected auto or a number from 1 to 64\n1 error\n");
    put("wshub.yaml", "workers: 0\npage: 1\n");
    expect(NULL, 2, "",
           "wshub.yaml:1:10: workers: found \"0\", expected auto or a number from 1 to 64\n"
           "wshub.yaml:2:7: page: found \"1\", expected one of auto, on, off\n2 errors\n");
    expect("nowhere.yaml", 2, "",
           "nowhere.yaml: found no readable file, expected one: No such file or directory\n1 error\n");
}

static void goes_by_the_defaults_without_a_file(void **state) {
    (void)state;
    static const char summary[] =
        "listens on 127.0.0.1:8000; brokers: main (memory); clients: everyone on this machine is let in\n";
    char expected[256];
    snprintf(expected, sizeof expected, "no wshub.yaml here, built-in defaults: ok\n%s", summary);
    expect(NULL, 0, expected, "");
    put("wshub.yaml", "");
    snprintf(expected, sizeof expected, "wshub.yaml: ok\n%s", summary);
    expect(NULL, 0, expected, "");
}

static void prints_the_defaults(void **state) {
    (void)state;
    char *text = NULL;
    size_t length = 0;
    struct buf expected = {0};
    FILE *out = open_memstream(&text, &length);
    assert_int_equal(config_defaults_command(out), 0);
    fclose(out);
    config_print_defaults(&expected);
    assert_int_equal(length, expected.length);
    assert_memory_equal(text, expected.data, length);
    buf_free(&expected);
    free(text);
}

static void fails_when_its_words_cannot_be_written(void **state) {
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (!full) {
        skip();
    }
    assert_int_equal(config_defaults_command(full), 2);
    assert_int_equal(config_check_command(NULL, nothing_else, full, full), 2);
    fclose(full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_what_a_configuration_would_do, enter, leave),
        cmocka_unit_test_setup_teardown(says_what_channels_have, enter, leave),
        cmocka_unit_test_setup_teardown(says_who_is_let_in_by_whom, enter, leave),
        cmocka_unit_test_setup_teardown(says_that_no_page_brings_the_cookie, enter, leave),
        cmocka_unit_test_setup_teardown(counts_the_errors, enter, leave),
        cmocka_unit_test_setup_teardown(goes_by_the_defaults_without_a_file, enter, leave),
        cmocka_unit_test_setup_teardown(prints_the_defaults, enter, leave),
        cmocka_unit_test_setup_teardown(fails_when_its_words_cannot_be_written, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
