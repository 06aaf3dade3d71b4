// SPDX-License-Identifier: MIT
#include "plugin/folders.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

// "/opt/wshub/bin" and "../lib/wshub/plugins" are "/opt/wshub/lib/wshub/plugins".
static bool add_beside(struct folders *folders, const char *program_folder, const char *relative) {
    size_t length = strlen(program_folder);
    while (strncmp(relative, "../", 3) == 0) {
        relative += 3;
        while (length > 0 && program_folder[--length] != '/') {
        }
    }
    char *folder;
    if (asprintf(&folder, "%.*s/%s", (int)length, program_folder, relative) < 0) {
        return false;
    }
    folders->items[folders->count++] = folder;
    return true;
}

static bool add_own(struct folders *folders) {
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) {
        return true; // without /proc there are those of plugin_path
    }
    program[length] = '\0';
    *strrchr(program, '/') = '\0';
    return add_beside(folders, program, "plugins") && add_beside(folders, program, WSHUB_PLUGIN_FOLDER);
}

bool folders_make(struct folders *folders, const struct config_strings *plugin_path) {
    *folders = (struct folders){.items = calloc(plugin_path->count + 2, sizeof *folders->items)};
    bool ok = folders->items;
    for (size_t i = 0; ok && i < plugin_path->count; i++) {
        char *folder = strdup(plugin_path->items[i]);
        ok = folder;
        folders->items[folders->count] = folder;
        folders->count += ok;
    }
    ok = ok && add_own(folders);
    if (!ok) {
        folders_free(folders);
    }
    return ok;
}

void folders_free(struct folders *folders) {
    for (size_t i = 0; i < folders->count; i++) {
        free((char *)folders->items[i]);
    }
    free(folders->items);
    *folders = (struct folders){0};
}
