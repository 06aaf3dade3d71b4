// SPDX-License-Identifier: MIT
#include "plugin/demands.h"

#include <stdio.h>

#include "config/config.h"
#include "config/report.h"
#include "plugin/plugin.h"
#include "util/buf.h"
#include "wshub/broker.h"

// One key of a rule that not every broker can follow.
struct demand {
    const char *key; // and the name of the capability
    uint32_t capability;
    const char *expected;
    const struct config_place *(*made)(const struct config_channel *rule); // NULL: it is not
};

static const struct config_place *last_value(const struct config_channel *rule) {
    return rule->last_value == CONFIG_LAST_VALUE_ON ? &rule->last_value_place : NULL;
}

static const struct config_place *history(const struct config_channel *rule) {
    return rule->history.size > 0 ? &rule->history_place : NULL;
}

static const struct demand demands[] = {
    {"last_value", WSHUB_BROKER_LAST_VALUE, "a broker that keeps the last value", last_value},
    {"history", WSHUB_BROKER_HISTORY, "a broker that keeps history", history},
};

struct demands_broker demands_broker_of(const struct plugin *plugin) {
    struct demands_broker broker = {.capabilities = plugin->broker.capabilities};
    snprintf(broker.plugin, sizeof broker.plugin, "%s", plugin->about.name);
    return broker;
}

static void put_broker(struct buf *out, const struct config_plugin *broker, const char *plugin) {
    if (broker->name_variable) {
        buf_printf(out, "${%s}", broker->name_variable);
    } else {
        buf_puts(out, broker->name);
    }
    buf_printf(out, " (%s)", plugin);
}

static void refuse(struct report *report, const struct config *config, size_t index,
                   const struct demand *demand, const char *plugin) {
    const struct config_channel *rule = &config->channels.items[index];
    const struct config_place *place = demand->made(rule);
    struct buf broker = {0};
    put_broker(&broker, &config->brokers.items[config_broker_index(config, rule->broker)], plugin);
    report_at(
        report, place->line, place->column,
        "channels[%zu].%s: found a channel of broker %s, expected %s (capability %s; wshub plugins lists "
        "those that can)",
        index, demand->key, report_text(report, &broker), demand->expected, demand->key);
    buf_free(&broker);
}

static void check_rule(struct report *report, const struct config *config, size_t index,
                       const struct demands_broker *broker) {
    for (size_t i = 0; i < sizeof demands / sizeof *demands; i++) {
        bool is_made = demands[i].made(&config->channels.items[index]) != NULL;
        if (is_made && !(broker->capabilities & demands[i].capability)) {
            refuse(report, config, index, &demands[i], broker->plugin);
        }
    }
}

bool demands_check(const struct config *config, const struct demands_broker *brokers, const char *name,
                   struct buf *errors) {
    struct report report = {.name = name};
    for (size_t i = 0; i < config->channels.count; i++) {
        const struct demands_broker *broker =
            &brokers[config_broker_index(config, config->channels.items[i].broker)];
        if (broker->plugin[0]) {
            check_rule(&report, config, i, broker);
        }
    }
    bool ok = report_is_empty(&report);
    report_finish(&report, errors);
    return ok;
}
