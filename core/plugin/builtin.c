// SPDX-License-Identifier: MIT
#include "plugin/builtin.h"

#include <string.h>

#include "memory.h"

const struct wshub_plugin *builtin_find(const char *name) {
    const struct wshub_plugin *const plugins[] = {broker_memory_plugin()};
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++) {
        if (strcmp(plugins[i]->name, name) == 0) {
            return plugins[i];
        }
    }
    return NULL;
}

const char *builtin_names(void) {
    return "memory";
}
