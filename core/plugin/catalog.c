// SPDX-License-Identifier: MIT
#include "plugin/catalog.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/builtin.h"
#include "wshub/plugin.h"

static bool has(const struct catalog *catalog, const char *name, size_t length) {
    for (size_t i = 0; i < catalog->count; i++) {
        if (strncmp(catalog->names[i], name, length) == 0 && catalog->names[i][length] == '\0') {
            return true;
        }
    }
    return false;
}

static bool add(struct catalog *catalog, const char *name, size_t length) {
    if (has(catalog, name, length)) {
        return true; // the first one is the one that is loaded
    }
    char **names = realloc(catalog->names, (catalog->count + 1) * sizeof *names);
    if (!names) {
        return false;
    }
    catalog->names = names;
    names[catalog->count] = strndup(name, length);
    bool ok = names[catalog->count];
    catalog->count += ok;
    return ok;
}

static bool add_builtin(struct catalog *catalog) {
    const struct wshub_plugin *plugin;
    bool ok = true;
    for (size_t i = 0; ok && (plugin = builtin_at(i)); i++) {
        ok = add(catalog, plugin->name, strlen(plugin->name));
    }
    return ok;
}

static bool add_folder(struct catalog *catalog, const char *folder) {
    DIR *directory = opendir(folder);
    bool ok = true;
    for (struct dirent *entry; ok && directory && (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name);
        if (length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0) {
            ok = add(catalog, entry->d_name, length - 3);
        }
    }
    if (directory) {
        closedir(directory);
    }
    return ok;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool catalog_read(struct catalog *catalog, const char *const *folders, size_t count) {
    *catalog = (struct catalog){0};
    bool ok = add_builtin(catalog);
    for (size_t i = 0; ok && i < count; i++) {
        ok = add_folder(catalog, folders[i]);
    }
    if (!ok) {
        catalog_free(catalog);
        return false;
    }
    qsort(catalog->names, catalog->count, sizeof *catalog->names, by_name);
    return true;
}

void catalog_free(struct catalog *catalog) {
    for (size_t i = 0; i < catalog->count; i++) {
        free(catalog->names[i]);
    }
    free(catalog->names);
    *catalog = (struct catalog){0};
}
