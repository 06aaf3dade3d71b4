// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "plugin/options.h"
#include "scarce_memory.h"
#include "util/buf.h"
#include "wshub/plugin.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct wshub_option declared[] = {
    {"url", "where it is", NULL, NULL, WSHUB_OPTION_TEXT, WSHUB_OPTION_REQUIRED, 0, 0},
    {"prefix", NULL, "ws:", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
    {"mode", NULL, "calm", "brisk|calm", WSHUB_OPTION_WORD, 0, 0, 0},
    {"tls", NULL, "true", NULL, WSHUB_OPTION_BOOL, 0, 0, 0},
    {"retry", NULL, "250ms", NULL, WSHUB_OPTION_DURATION, 0, 10, 60000},
    {"room", NULL, NULL, NULL, WSHUB_OPTION_SIZE, 0, 0, 0},
    {"password", NULL, NULL, NULL, WSHUB_OPTION_TEXT, WSHUB_OPTION_SECRET, 0, 0},
    {"pin", NULL, NULL, NULL, WSHUB_OPTION_NUMBER, WSHUB_OPTION_SECRET, 0, 9999},
};
static const struct wshub_plugin plugin = {
    .name = "tester", .options = declared, .option_count = COUNT(declared), .option_size = sizeof *declared};
static const struct options_place place = {"w.yaml", "brokers[1]", 2, 3};

// One entry of `options:` in line `l`, from the environment or not.
#define SAID_FROM(k, v, e, l)                                                                               \
    {                                                                                                       \
        .key = (char *)(uintptr_t)(k), .value = (char *)(uintptr_t)(v), .variable = (char *)(uintptr_t)(e), \
        .line = (l), .column = 9                                                                            \
    }
#define SAID(k, v, l) SAID_FROM(k, v, 0, l)

static struct options *read_said(struct config_option *said, size_t count, struct buf *errors) {
    const struct config_plugin broker = {.options = said, .option_count = count};
    return options_read(&plugin, &broker, &place, errors);
}

static struct options *read_ok(struct config_option *said, size_t count) {
    struct buf errors = {0};
    struct options *options = read_said(said, count, &errors);
    assert_non_null(options);
    assert_int_equal(errors.length, 0);
    buf_free(&errors);
    return options;
}

static void assert_errors(struct buf *errors, const char *expected) {
    buf_append(errors, "", 1);
    assert_string_equal(errors->data, expected);
    buf_free(errors);
}

static void gives_what_was_said_and_the_fallbacks(void **state) {
    (void)state;
    struct config_option said[] = {SAID("url", "redis://here", 5), SAID("mode", "brisk", 6),
                                   SAID("tls", "false", 7), SAID("room", "64KiB", 8)};
    struct options *options = read_ok(said, COUNT(said));
    assert_string_equal(options_text(options, "url"), "redis://here");
    assert_int_equal(options_number(options, "url"), 0);
    assert_string_equal(options_text(options, "prefix"), "ws:");
    assert_string_equal(options_text(options, "mode"), "brisk");
    assert_int_equal(options_number(options, "mode"), 0);
    assert_int_equal(options_number(options, "tls"), 0);
    assert_string_equal(options_text(options, "retry"), "250ms");
    assert_int_equal(options_number(options, "retry"), 250);
    assert_int_equal(options_number(options, "room"), 65536);
    assert_null(options_text(options, "password"));
    assert_int_equal(options_number(options, "pin"), 0);
    assert_null(options_text(options, "no such option"));
    assert_int_equal(options_number(options, "no such option"), 0);
    options_free(options);
    struct config_option least[] = {SAID("url", "", 5)};
    options = read_ok(least, COUNT(least));
    assert_string_equal(options_text(options, "url"), "");
    assert_int_equal(options_number(options, "mode"), 1);
    assert_int_equal(options_number(options, "tls"), 1);
    options_free(options);
}

static void reports_every_error_in_the_order_of_the_file(void **state) {
    (void)state;
    struct buf errors = {0};
    struct config_option said[] = {
        SAID("retry", "an hour", 9),    SAID("mode", "wild\n", 8), SAID("retyr", "1s", 7),
        SAID("colour of it", "red", 6), SAID("pin", "12345", 5),   SAID_FROM("room", "1 kB", "ROOM", 4),
    };
    assert_null(read_said(said, COUNT(said), &errors));
    assert_errors(
        &errors,
        "w.yaml:2:3: brokers[1].options: found no url, expected a text (where it is)\n"
        "w.yaml:4:9: brokers[1].options.room: found a value from ${ROOM}, expected a size such as 64KiB\n"
        "w.yaml:5:9: brokers[1].options.pin: found (secret), expected a whole number, from 0 to 9999\n"
        "w.yaml:6:9: brokers[1].options.\"colour of it\": found an unknown option, expected one of url, "
        "prefix, mode, tls, retry, room, password, pin\n"
        "w.yaml:7:9: brokers[1].options.retyr: found an unknown option, expected retry perhaps\n"
        "w.yaml:8:9: brokers[1].options.mode: found \"wild\\u000a\", expected one of brisk, calm\n"
        "w.yaml:9:9: brokers[1].options.retry: found \"an hour\", expected a duration such as 10s, from "
        "10ms to 1m\n");
}

static void a_plugin_without_options_takes_none(void **state) {
    (void)state;
    static const struct wshub_plugin bare = {.name = "bare"};
    struct buf errors = {0};
    struct config_option said[] = {SAID("url", "x", 5)};
    const struct config_plugin some = {.options = said, .option_count = 1}, none = {0};
    struct options *options = options_read(&bare, &none, &place, &errors);
    assert_non_null(options);
    assert_null(options_text(options, "url"));
    options_free(options);
    assert_null(options_read(&bare, &some, &place, &errors));
    assert_errors(&errors,
                  "w.yaml:5:9: brokers[1].options.url: found an unknown option, expected none: plugin bare "
                  "has none\n");
}

static void passes_on_what_a_plugin_refuses(void **state) {
    (void)state;
    struct buf errors = {0};
    struct config_option said[] = {
        SAID_FROM("url", "redis://secret@here", "URL", 5),
        SAID("mode", "calm", 6),
        SAID("password", "hunter2", 7),
    };
    struct options *options = read_ok(said, COUNT(said));
    static const char *const names[] = {"url", "mode", "password", "prefix", "pin", "colour"};
    for (size_t i = 0; i < COUNT(names); i++) {
        options_refuse(options, names[i], "better", &place, &errors);
    }
    options_free(options);
    assert_errors(&errors,
                  "w.yaml:5:9: brokers[1].options.url: found a value from ${URL}, expected better\n"
                  "w.yaml:6:9: brokers[1].options.mode: found \"calm\", expected better\n"
                  "w.yaml:7:9: brokers[1].options.password: found (secret), expected better\n"
                  "w.yaml:2:3: brokers[1].options.prefix: found \"ws:\", expected better\n"
                  "w.yaml:2:3: brokers[1].options.pin: found nothing, expected better\n"
                  "w.yaml:2:3: brokers[1].plugin: found that plugin tester refuses its option \"colour\", "
                  "expected one that it declares\n");
}

// A broker of the defaults stands in no file.
static void says_no_place_where_there_is_none(void **state) {
    (void)state;
    static const struct options_place nowhere = {"built-in defaults", "brokers[0]", 0, 0};
    struct buf errors = {0};
    const struct config_plugin broker = {0};
    assert_null(options_read(&plugin, &broker, &nowhere, &errors));
    assert_errors(&errors,
                  "built-in defaults: brokers[0].options: found no url, expected a text (where it is)\n");
}

// Whichever allocation fails: no options, and an error that says so.
static void no_memory_is_an_error(void **state) {
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    struct config_option said[] = {SAID_FROM("url", "x", "URL", 5)};
    struct options *options = NULL;
    size_t allowed = 0;
    for (; !options && allowed < 100; allowed++) {
        struct buf errors = {0};
        buf_reserve(&errors, 256);
        memory_allowed = allowed;
        options = read_said(said, COUNT(said), &errors);
        memory_allowed = SIZE_MAX;
        assert_true((options == NULL) == (errors.length > 0));
        buf_free(&errors);
    }
    assert_non_null(options);
    assert_true(allowed > 4);
    options_free(options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_was_said_and_the_fallbacks),
        cmocka_unit_test(reports_every_error_in_the_order_of_the_file),
        cmocka_unit_test(a_plugin_without_options_takes_none),
        cmocka_unit_test(passes_on_what_a_plugin_refuses),
        cmocka_unit_test(says_no_place_where_there_is_none),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
