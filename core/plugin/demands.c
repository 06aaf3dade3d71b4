// SPDX-License-Identifier: MIT
#include "plugin/demands.h"

#include <stdio.h>

#include "config/config.h"
#include "config/report.h"
#include "plugin/plugin.h"
#include "util/buf.h"
#include "wshub/broker.h"

// What of a rule not every broker can follow.
struct demand {
    const char *key;
    uint32_t capabilities;
    const char *found; // what the broker is to the rule
    const char *expected, *named;
    // The broker that it is asked of, and where; NULL: it is not asked for.
    const struct config_place *(*made)(const struct config *config, const struct config_channel *rule,
                                       size_t *broker);
};

static const struct config_place *last_value(const struct config *config, const struct config_channel *rule,
                                             size_t *broker) {
    *broker = config_broker_index(config, rule->broker);
    return rule->last_value == CONFIG_LAST_VALUE_ON ? &rule->last_value_place : NULL;
}

// A broker that is named as the keeper of its own channels' history has nothing more to be able to.
static bool is_elsewhere(const struct config *config, const struct config_channel *rule) {
    return rule->history.via &&
           config_broker_index(config, rule->history.via) != config_broker_index(config, rule->broker);
}

static const struct config_place *history(const struct config *config, const struct config_channel *rule,
                                          size_t *broker) {
    *broker = config_broker_index(config, rule->broker);
    return rule->history.size > 0 && !is_elsewhere(config, rule) ? &rule->history_place : NULL;
}

static const struct config_place *via(const struct config *config, const struct config_channel *rule,
                                      size_t *broker) {
    *broker = config_broker_index(config, rule->history.via);
    return rule->history.size > 0 && is_elsewhere(config, rule) ? &rule->via_place : NULL;
}

static const struct demand demands[] = {
    {"last_value", WSHUB_BROKER_LAST_VALUE, "a channel of broker ", "a broker that keeps the last value",
     "capability last_value", last_value},
    {"history", WSHUB_BROKER_HISTORY, "a channel of broker ",
     "a broker that keeps history, or another one's name in history.via", "capability history", history},
    {"history.via", WSHUB_BROKER_HISTORY | WSHUB_BROKER_DENSE, "broker ",
     "one that keeps history with consecutive offsets", "capabilities history and dense", via},
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
                   const struct demand *demand, const struct config_place *place, size_t at,
                   const char *plugin) {
    struct buf broker = {0};
    put_broker(&broker, &config->brokers.items[at], plugin);
    report_at(report, place->line, place->column,
              "channels[%zu].%s: found %s%s, expected %s (%s; wshub plugins lists those that can)", index,
              demand->key, demand->found, report_text(report, &broker), demand->expected, demand->named);
    buf_free(&broker);
}

static void check_rule(struct report *report, const struct config *config, size_t index,
                       const struct demands_broker *brokers) {
    for (size_t i = 0; i < sizeof demands / sizeof *demands; i++) {
        size_t at;
        const struct config_place *place = demands[i].made(config, &config->channels.items[index], &at);
        const struct demands_broker *broker = place ? &brokers[at] : NULL;
        if (broker && broker->plugin[0] &&
            (broker->capabilities & demands[i].capabilities) != demands[i].capabilities) {
            refuse(report, config, index, &demands[i], place, at, broker->plugin);
        }
    }
}

bool demands_check(const struct config *config, const struct demands_broker *brokers, const char *name,
                   struct buf *errors) {
    struct report report = {.name = name};
    for (size_t i = 0; i < config->channels.count; i++) {
        check_rule(&report, config, i, brokers);
    }
    bool ok = report_is_empty(&report);
    report_finish(&report, errors);
    return ok;
}
