// SPDX-License-Identifier: MIT
// What rules for channels ask of their brokers beyond carrying messages, against what the brokers can. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct config;
struct plugin;

struct demands_broker {
    char plugin[65];       // what it is called; empty: nothing is known of the broker, nor held against it
    uint32_t capabilities; // of enum wshub_broker_capability
};

struct demands_broker demands_broker_of(const struct plugin *plugin);

// `brokers` in the order of the configuration. True when each can do what is asked of it; else a line for
// each that cannot is appended in the form of config_read's, in which `name` is the configuration.
bool demands_check(const struct config *config, const struct demands_broker *brokers, const char *name,
                   struct buf *errors);
