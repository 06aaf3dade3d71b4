// SPDX-License-Identifier: MIT
#include "hub/rules.h"

// Goes back only to the last star, so it is linear in pattern times name at the worst, and never recursive.
bool rules_match(const char *pattern, struct span name) {
    const char *star = NULL;
    size_t retry = 0, i = 0;
    while (i < name.length) {
        if (*pattern == '*') {
            star = pattern++;
            retry = i;
        } else if (*pattern == name.data[i] && *pattern != '\0') {
            pattern++;
            i++;
        } else if (star) {
            pattern = star + 1;
            i = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

// Where plugins say who comes in, nothing is open to everybody unless it is said to be.
static enum config_who or_default(const struct config *config, enum config_who who) {
    enum config_who unsaid = config->auth.mode == CONFIG_AUTH_PLUGINS ? CONFIG_WHO_USER : CONFIG_WHO_ALL;
    return who == CONFIG_WHO_UNSAID ? unsaid : who;
}

// A history that has forgotten the message need not know its key.
static uint64_t key_window_of(const struct config_channel *entry) {
    return entry->history.key_window < entry->history.ttl ? entry->history.key_window : entry->history.ttl;
}

static struct rule rule_of(const struct config *config, const struct config_channel *entry) {
    const char *keeper = entry->history.via ? entry->history.via : entry->broker;
    return (struct rule){
        .broker = config_broker_index(config, entry->broker),
        .subscribe = or_default(config, entry->subscribe),
        .publish = or_default(config, entry->publish),
        .last_value = entry->last_value == CONFIG_LAST_VALUE_ON,
        .history_size = entry->history.size,
        .history_ttl = entry->history.ttl,
        .history_broker = config_broker_index(config, keeper),
        .key_window = key_window_of(entry),
        .presence = entry->presence != CONFIG_PRESENCE_OFF,
        .presence_events = entry->presence == CONFIG_PRESENCE_ON,
        .presence_per_user = entry->presence_per == CONFIG_PRESENCE_PER_USER,
    };
}

struct rule rules_find(const struct config *config, struct span channel) {
    for (size_t i = 0; i < config->channels.count; i++) {
        const struct config_channel *entry = &config->channels.items[i];
        if (rules_match(entry->match, channel)) {
            return rule_of(config, entry);
        }
    }
    enum config_who who = or_default(config, CONFIG_WHO_UNSAID);
    return (struct rule){.subscribe = who, .publish = who};
}

enum config_who rules_who_sends(const struct config *config) {
    enum config_who unsaid =
        config->auth.mode == CONFIG_AUTH_PLUGINS ? CONFIG_WHO_GRANTED : CONFIG_WHO_SERVER;
    return config->send == CONFIG_WHO_UNSAID ? unsaid : config->send;
}
