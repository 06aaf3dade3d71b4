// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "plugin/demands.h"
#include "util/buf.h"
#include "wshub/broker.h"

static const struct demands_broker able[CONFIG_BROKERS_MAX] = {
    {"nothing", WSHUB_BROKER_ORDERED},
    {"last", WSHUB_BROKER_LAST_VALUE},
    {"past", WSHUB_BROKER_HISTORY},
    {"all", WSHUB_BROKER_HISTORY | WSHUB_BROKER_LAST_VALUE},
    {"", 0}, // nothing is known of it
    {"dense", WSHUB_BROKER_HISTORY | WSHUB_BROKER_DENSE},
};

#define BROKERS                                                                                          \
    "brokers: [{name: a, plugin: x}, {name: b, plugin: x}, {name: c, plugin: x}, {name: d, plugin: x}, " \
    "{name: e, plugin: x}, {name: f, plugin: x}]\nchannels:\n"

// `expected`: all lines, "" for none. `via`: what the last rule says of it, NULL: nothing.
static void expect_via(const char *text, const char *via, const char *expected) {
    struct config config;
    struct buf errors = {0};
    assert_true(config_read(&config, "t", text, strlen(text), &errors));
    if (via) {
        struct config_channel *rule = &config.channels.items[config.channels.count - 1];
        free(rule->history.via);
        rule->history.via = strdup(via);
        rule->via_place = (struct config_place){7, 8};
    }
    bool ok = demands_check(&config, able, "t", &errors);
    buf_append(&errors, "", 1);
    assert_string_equal(errors.data, expected);
    assert_int_equal(ok, expected[0] == '\0');
    config_free(&config);
    buf_free(&errors);
}

static void expect(const char *text, const char *expected) {
    expect_via(text, NULL, expected);
}

static void what_a_broker_can_is_taken(void **state) {
    (void)state;
    expect("", "");
    expect(BROKERS "  - {match: x}\n"
                   "  - {match: x, last_value: false}\n"
                   "  - {match: x, broker: b, last_value: true}\n"
                   "  - {match: x, broker: c, history: {size: 1, ttl: 1s}}\n"
                   "  - {match: x, broker: d, last_value: true, history: {size: 1, ttl: 1s}}\n"
                   "  - {match: x, broker: e, last_value: true, history: {size: 1, ttl: 1s}}\n", // not known
           "");
}

#define THOSE "; wshub plugins lists those that can)\n"

static void what_it_cannot_is_refused_by_name_and_place(void **state) {
    (void)state;
    expect(
        BROKERS "  - {match: x, last_value: true}\n"
                "  - {match: x, broker: c, last_value: true}\n"
                "  - match: x\n"
                "    broker: b\n"
                "    history:\n"
                "      size: 5\n"
                "      ttl: 5s\n"
                "  - {match: x, history: {size: 1, ttl: 1s}, last_value: true}\n",
        "t:3:28: channels[0].last_value: found a channel of broker a (nothing), expected a broker that keeps "
        "the last value (capability last_value" THOSE
        "t:4:39: channels[1].last_value: found a channel of broker c (past), expected a broker that keeps "
        "the last value (capability last_value" THOSE
        "t:8:7: channels[2].history: found a channel of broker b (last), expected a broker that keeps "
        "history, or another one's name in history.via (capability history" THOSE
        "t:10:25: channels[3].history: found a channel of broker a (nothing), expected a broker that keeps "
        "history, or another one's name in history.via (capability history" THOSE
        "t:10:57: channels[3].last_value: found a channel of broker a (nothing), expected a broker that "
        "keeps the last value (capability last_value" THOSE);
}

#define RULE(broker) BROKERS "  - {match: x, broker: " broker ", history: {size: 1, ttl: 1s}}\n"

static void a_history_may_be_kept_by_another_broker(void **state) {
    (void)state;
    expect_via(RULE("a"), "f", "");
    expect_via(RULE("d"), "f", "");
    expect_via(RULE("c"), "c", ""); // its own is none of another's
    expect_via(RULE("a"), "e", ""); // not known
    expect_via(RULE("a"), "c",
               "t:7:8: channels[0].history.via: found broker c (past), expected one that keeps history with "
               "consecutive offsets (capabilities history and dense" THOSE);
    expect_via(RULE("c"), "b",
               "t:7:8: channels[0].history.via: found broker b (last), expected one that keeps history with "
               "consecutive offsets (capabilities history and dense" THOSE);
    expect_via(RULE("a"), "a",
               "t:3:36: channels[0].history: found a channel of broker a (nothing), expected a broker that "
               "keeps history, or another one's name in history.via (capability history" THOSE);
}

static void a_name_from_the_environment_is_not_shown(void **state) {
    (void)state;
    setenv("WSHUB_TEST_NAME", "hunter2", 1);
    expect(
        "brokers: [{name: \"${WSHUB_TEST_NAME}\", plugin: x}]\n"
        "channels: [{match: x, last_value: on}]\n",
        "t:2:35: channels[0].last_value: found a channel of broker ${WSHUB_TEST_NAME} (nothing), expected a "
        "broker that keeps the last value (capability last_value" THOSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_broker_can_is_taken),
        cmocka_unit_test(what_it_cannot_is_refused_by_name_and_place),
        cmocka_unit_test(a_history_may_be_kept_by_another_broker),
        cmocka_unit_test(a_name_from_the_environment_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
