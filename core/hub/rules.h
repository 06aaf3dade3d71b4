// SPDX-License-Identifier: MIT
// What the configuration's `channels:` says of a channel: the first pattern that fits decides. Pure; any
// thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "util/span.h"

struct rule {
    size_t broker; // index in config->brokers
    enum config_who subscribe, publish;
    bool last_value;
    uint64_t history_size, history_ttl; // 0: it has no history; ms
    size_t history_broker;  // index in config->brokers: that keeps it, `broker` unless `via` is said
    uint64_t key_window;    // ms for which a publisher's key is remembered
    bool presence;          // its members are known
    bool presence_events;   // and told of each other
    bool presence_per_user; // once per user, where there is one
};

// Who may send to users and connections.
enum config_who rules_who_sends(const struct config *config);

struct rule rules_find(const struct config *config, struct span channel);

// `*` stands for any bytes, also none.
bool rules_match(const char *pattern, struct span name);
