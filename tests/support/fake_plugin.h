// SPDX-License-Identifier: MIT
// The fake broker as the core loads and opens it.
#pragma once

#include <string.h>

#include "fake_broker.h"
#include "plugin/broker.h"
#include "plugin/plugin.h"
#include "util/buf.h"

struct config;

// A hub_load_fn: knows the plugins of fake_broker.h, and what is built in.
static inline bool fake_load(struct plugin *plugin, const char *name, const struct config *config,
                             struct buf *why) {
    const struct wshub_plugin *const fakes[] = {fake_plugin(), fake_keeper(), fake_dense()};
    (void)config;
    for (size_t i = 0; i < sizeof fakes / sizeof *fakes; i++) {
        if (strcmp(name, fakes[i]->name) == 0) {
            return plugin_adopt(plugin, fakes[i], "built in", why);
        }
    }
    return plugin_load(plugin, name, NULL, 0, why);
}

// Opens it as the broker "main", without options. `plugin` must outlive it. NULL: refused, and *plugin is
// unloaded.
static inline struct broker *fake_open(struct plugin *plugin, struct loop *loop, const struct log *log,
                                       uint64_t timeout, struct broker_listener listener) {
    struct buf why = {0};
    bool loaded = fake_load(plugin, "keeper", NULL, &why);
    buf_free(&why);
    const struct broker_setup setup = {
        .name = "main",
        .instance_id = "me",
        .plugin = plugin,
        .loop = loop,
        .log = log,
        .timeout = timeout,
        .listener = listener,
    };
    struct broker *broker = loaded ? broker_open(&setup) : NULL;
    if (!broker) {
        plugin_unload(plugin);
    }
    return broker;
}
