// SPDX-License-Identifier: MIT
// What --backend may be: which servers carry the messages, and how a hub is told of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum broker_kind { BROKER_NONE, BROKER_REDIS, BROKER_NATS, BROKER_MQTT, BROKER_KINDS };

struct backend {
    const char *name;
    enum broker_kind live, history; // of `via`: another one; BROKER_NONE: the hub's own memory
    bool one_instance;              // memory joins none
    bool keys;                      // a publish may be repeated under its key
};

const struct backend *backend_find(const char *name); // NULL: no such
void backend_names(char *out, size_t size);
