// SPDX-License-Identifier: MIT
// plugin_load: the only file that opens shared objects.
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/nearest.h"
#include "config/report.h"
#include "plugin/builtin.h"
#include "plugin/catalog.h"
#include "plugin/plugin.h"
#include "util/buf.h"

typedef const struct wshub_plugin *(*entry_fn)(void);

static bool is_file(const char *path, struct buf *why) {
    struct stat status;
    if (stat(path, &status) < 0) {
        buf_printf(why, "%s: found no file (%s), expected a plugin: correct the path", path, strerror(errno));
        return false;
    }
    if (!S_ISREG(status.st_mode)) {
        buf_printf(why, "%s: found %s, expected a plugin: name its .so", path,
                   S_ISDIR(status.st_mode) ? "a folder" : "no regular file");
        return false;
    }
    return true;
}

// dlerror begins with the path where that is what it is about; it is said once.
static void *open_library(const char *path, struct buf *why) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *text = dlerror();
        size_t length = strlen(path);
        bool repeats = strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0;
        buf_printf(why,
                   "%s: found what cannot be loaded (%s), expected a shared object with all that it needs: "
                   "build it for this machine, and link it with its libraries",
                   path, repeats ? text + length + 2 : text);
    }
    return library;
}

static const struct wshub_plugin *call_entry(void *library, const char *path, struct buf *why) {
    void *symbol = dlsym(library, "wshub_plugin_entry");
    entry_fn entry;
    memcpy(&entry, &symbol, sizeof entry); // ISO C has no conversion from one to the other
    if (!entry) {
        buf_printf(why,
                   "%s: found no wshub_plugin_entry, expected this function: define it as wshub/plugin.h has "
                   "it, and export it",
                   path);
        return NULL;
    }
    const struct wshub_plugin *descriptor = entry();
    if (!descriptor) {
        buf_printf(
            why,
            "%s: found that wshub_plugin_entry returns NULL, expected a descriptor: return the address "
            "of a constant",
            path);
    }
    return descriptor;
}

// Otherwise `wshub plugins` would list a name that no configuration can use.
static bool is_named_like_its_file(const struct plugin *plugin, struct buf *why) {
    const char *file = strrchr(plugin->file, '/') + 1, *name = plugin->about.name;
    size_t length = strlen(name);
    if (strncmp(file, name, length) == 0 && strcmp(file + length, ".so") == 0) {
        return true;
    }
    buf_printf(why, "%s: found the name \"%s\", expected that of its file: rename the file to %s.so",
               plugin->file, name, name);
    return false;
}

static bool load_file(struct plugin *plugin, const char *path, struct buf *why) {
    void *library = is_file(path, why) ? open_library(path, why) : NULL;
    if (!library) {
        return false;
    }
    const struct wshub_plugin *descriptor = call_entry(library, path, why);
    if (!descriptor || !plugin_adopt(plugin, descriptor, path, why)) {
        dlclose(library);
        return false;
    }
    plugin->library = library;
    if (!is_named_like_its_file(plugin, why)) {
        plugin_unload(plugin);
        return false;
    }
    return true;
}

// ---- by name ----

static void put_known(const struct catalog *catalog, const char *name, struct buf *out) {
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < catalog->count; i++) {
        nearest_offer(&nearest, catalog->names[i]);
    }
    if (nearest.best) {
        buf_printf(out, "%s perhaps", nearest.best);
        return;
    }
    for (size_t i = 0; i < catalog->count; i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : " or ", catalog->names[i]);
    }
}

static void refuse_unknown(const char *name, const char *const *folders, size_t count, struct buf *why) {
    struct catalog catalog;
    if (!catalog_read(&catalog, folders, count)) {
        why->failed = true;
        return;
    }
    buf_puts(why, "found ");
    report_show_text(why, name);
    buf_puts(why, ", expected ");
    put_known(&catalog, name, why);
    buf_puts(why, ": correct the name, or set plugin_path to the folder of its .so, which is not in ");
    for (size_t i = 0; i < count; i++) {
        buf_printf(why, "%s%s", i == 0 ? "" : ", ", folders[i]);
    }
    catalog_free(&catalog);
}

static bool load_named(struct plugin *plugin, const char *name, const char *const *folders, size_t count,
                       struct buf *why) {
    for (size_t i = 0; i < count; i++) {
        char *path;
        if (asprintf(&path, "%s/%s.so", folders[i], name) < 0) {
            why->failed = true;
            return false;
        }
        if (access(path, F_OK) == 0) {
            bool ok = load_file(plugin, path, why);
            free(path);
            return ok;
        }
        free(path);
    }
    refuse_unknown(name, folders, count, why);
    return false;
}

bool plugin_load(struct plugin *plugin, const char *name, const char *const *folders, size_t count,
                 struct buf *why) {
    const struct wshub_plugin *builtin = builtin_find(name);
    *plugin = (struct plugin){0};
    if (builtin) {
        return plugin_adopt(plugin, builtin, "built in", why);
    }
    return strchr(name, '/') ? load_file(plugin, name, why) : load_named(plugin, name, folders, count, why);
}

void plugin_unload(struct plugin *plugin) {
    void *library = plugin->library;
    free(plugin->options);
    free(plugin->file);
    *plugin = (struct plugin){0};
    if (library) {
        dlclose(library);
    }
}
