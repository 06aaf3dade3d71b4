// SPDX-License-Identifier: MIT
// ${NAME} in a value, and options that a plugin gets as one text.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config_fixture.h"
#include "util/buf.h"

static void takes_values_from_the_environment(void **state) {
    (void)state;
    struct config config;
    setenv("WSHUB_TEST_A", "one", 1);
    setenv("WSHUB_TEST_B", "8KiB", 1);
    setenv("WSHUB_TEST_EMPTY", "", 1);
    read_ok(
        &config,
        "instance_id: ${WSHUB_TEST_A}.${WSHUB_TEST_A}\n"
        "limits: {message: \"${WSHUB_TEST_B}\"}\n"
        "brokers: [{plugin: x, options: {a: '$$${WSHUB_TEST_A}$${x}', b: $5$, c: 'x${WSHUB_TEST_EMPTY}', d: "
        "'${WSHUB_TEST_EMPTY}'}}]\n");
    assert_string_equal(config.instance_id, "one.one");
    assert_int_equal(config.limits.message, 8192);
    assert_string_equal(config.brokers.items[0].options[0].value, "$one${x}");
    assert_string_equal(config.brokers.items[0].options[1].value, "$5$");
    assert_string_equal(config.brokers.items[0].options[2].value, "x");
    assert_string_equal(config.brokers.items[0].options[3].value, "");
    config_free(&config);
}

static void gives_a_list_to_a_plugin_as_one_text(void **state) {
    (void)state;
    struct config config;
    setenv("WSHUB_TEST_A", "one", 1);
    read_ok(&config,
            "brokers: [{plugin: x, options: {a: [HS256, 'RS256', 7], b: [x], c: [y, '${WSHUB_TEST_A}']}}]\n");
    const struct config_option *options = config.brokers.items[0].options;
    assert_string_equal(options[0].value, "HS256 RS256 7");
    assert_int_equal(options[0].column, 36);
    assert_null(options[0].variable);
    assert_string_equal(options[1].value, "x");
    assert_string_equal(options[2].value, "y one");
    assert_string_equal(options[2].variable, "WSHUB_TEST_A"); // so none of it is shown
    config_free(&config);
}

static void refuses_what_the_environment_does_not_have(void **state) {
    (void)state;
    unsetenv("WSHUB_TEST_UNSET");
    setenv("WSHUB_TEST_BYTES", "\xff", 1);
    expect_errors(
        "instance_id: a${WSHUB_TEST_UNSET}\n",
        "t:1:14: instance_id: found ${WSHUB_TEST_UNSET}, expected it to be set in the environment\n");
    expect_errors(
        "instance_id: ${WSHUB_TEST_BYTES}\n",
        "t:1:14: instance_id: found bytes in ${WSHUB_TEST_BYTES} that are no text, expected UTF-8\n");
    static const char *const wrong[] = {"${", "${}", "${A", "${1A}", "${A B}", "x${A-b}"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char text[64];
        snprintf(text, sizeof text, "instance_id: '%s'\n", wrong[i]);
        expect_errors(text,
                      "t:1:14: instance_id: found ${ without a name and }, expected ${NAME}, or $${ for the "
                      "characters\n");
    }
}

static void shows_no_value_that_came_from_the_environment(void **state) {
    (void)state;
    static const char *const texts[] = {
        "listen: '${WSHUB_TEST_SECRET}'",
        "listen: ['x${WSHUB_TEST_SECRET}']",
        "workers: ${WSHUB_TEST_SECRET}",
        "instance_id: a ${WSHUB_TEST_SECRET}",
        "page: ${WSHUB_TEST_SECRET}",
        "origins: ${WSHUB_TEST_SECRET}",
        "auth: ${WSHUB_TEST_SECRET}",
        "auth: [{plugin: 'x/${WSHUB_TEST_SECRET} x'}]",
        "auth: [{plugin: x, name: '${WSHUB_TEST_SECRET} x'}]",
        "auth: [{plugin: '${WSHUB_TEST_SECRET}'}, {plugin: './${WSHUB_TEST_SECRET}'}]",
        "credentials: {query: '${WSHUB_TEST_SECRET}&'}",
        "proxies: {trusted: '${WSHUB_TEST_SECRET}'}",
        "api: ${WSHUB_TEST_SECRET}",
        "api: {keys: '${WSHUB_TEST_SECRET}'}",
        "log: ${WSHUB_TEST_SECRET}",
        "brokers: ${WSHUB_TEST_SECRET}",
        "brokers: [{plugin: x, options: '${WSHUB_TEST_SECRET}'}]",
        "brokers: [{plugin: x, options: {a: '${WSHUB_TEST_SECRET}${'}}]",
        "brokers: [{plugin: x, name: '${WSHUB_TEST_SECRET}'}]\nchannels: [{match: x, broker: main}]",
        "channels: [{match: x, broker: '${WSHUB_TEST_SECRET}'}]",
        "limits: {message: '${WSHUB_TEST_SECRET}'}",
        "drain: {window: '${WSHUB_TEST_SECRET}'}",
        "${WSHUB_TEST_SECRET}",
    };
    setenv("WSHUB_TEST_SECRET", "hunter2", 1);
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct config config;
        struct buf errors = {0};
        assert_false(config_read(&config, "t", texts[i], strlen(texts[i]), &errors));
        buf_append(&errors, "", 1);
        assert_null(strstr(errors.data, "hunter2"));
        buf_free(&errors);
    }
    expect_errors(
        "workers: ${WSHUB_TEST_SECRET}",
        "t:1:10: workers: found a value from ${WSHUB_TEST_SECRET}, expected auto or a number from 1 to 64\n");
    setenv("WSHUB_TEST_SECRET", "10.1.2.3:4", 1);
    expect_errors("listen: ${WSHUB_TEST_SECRET}", "t:1:9: listen: a value from ${WSHUB_TEST_SECRET}" EXPOSED);
    setenv("WSHUB_TEST_SECRET", "99KiB", 1);
    expect_errors("limits: {outbox: 8KiB, message: '${WSHUB_TEST_SECRET}'}",
                  "t:1:18: limits.outbox: found \"8KiB\", expected at least limits.message\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_values_from_the_environment),
        cmocka_unit_test(gives_a_list_to_a_plugin_as_one_text),
        cmocka_unit_test(refuses_what_the_environment_does_not_have),
        cmocka_unit_test(shows_no_value_that_came_from_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
