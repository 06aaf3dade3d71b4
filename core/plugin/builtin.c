// SPDX-License-Identifier: MIT
#include "plugin/builtin.h"

#include <string.h>

#include "memory.h"

const struct wshub_plugin *builtin_at(size_t index) {
    return index == 0 ? broker_memory_plugin() : NULL;
}

const struct wshub_plugin *builtin_find(const char *name) {
    const struct wshub_plugin *plugin;
    for (size_t i = 0; (plugin = builtin_at(i)); i++) {
        if (strcmp(plugin->name, name) == 0) {
            return plugin;
        }
    }
    return NULL;
}
