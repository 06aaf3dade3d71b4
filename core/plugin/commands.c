// SPDX-License-Identifier: MIT
#include "plugin/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/commands.h"
#include "config/config.h"
#include "plugin/catalog.h"
#include "plugin/describe.h"
#include "plugin/folders.h"
#include "plugin/plugin.h"
#include "util/buf.h"

// What both verbs need: where to look. What they print is collected, and written at the end.
struct search {
    struct config config;
    struct folders folders;
    struct buf out, err;
};

// Which plugins the configuration names does not matter here.
static bool take_any(const struct config *config, const char *name, struct buf *errors) {
    (void)config, (void)name, (void)errors;
    return true;
}

static bool search_begin(struct search *search, const char *path) {
    *search = (struct search){0};
    if (!config_load_usual(&search->config, &path, take_any, &search->err)) {
        return false;
    }
    bool ok = folders_make(&search->folders, &search->config.plugin_path);
    search->err.failed = !ok;
    return ok;
}

static bool write_out(const struct buf *buf, FILE *file) {
    return buf->length == 0 || (fwrite(buf->data, 1, buf->length, file) == buf->length && fflush(file) == 0);
}

// Writes, frees, and makes the exit code.
static int search_end(struct search *search, bool ok, FILE *out, FILE *err) {
    if (search->out.failed || search->err.failed) {
        fputs("found no memory left, expected some\n", err);
        ok = false;
    } else {
        ok = write_out(&search->err, err) && write_out(&search->out, out) && ok;
    }
    buf_free(&search->out);
    buf_free(&search->err);
    folders_free(&search->folders);
    config_free(&search->config);
    return ok ? CONFIG_EXIT_OK : CONFIG_EXIT_WRONG;
}

static bool load(struct search *search, struct plugin *plugin, const char *name) {
    bool ok = plugin_load(plugin, name, search->folders.items, search->folders.count, &search->err);
    if (!ok) {
        buf_puts(&search->err, "\n");
    }
    return ok;
}

// ---- all ----

// A folder that the configuration names, and that is none, is a mistake; the hub's own need not be there.
static void say_missing_folders(struct search *search) {
    const struct config_strings *folders = &search->config.plugin_path;
    struct stat status;
    for (size_t i = 0; i < folders->count; i++) {
        int failed = stat(folders->items[i], &status);
        if (failed || !S_ISDIR(status.st_mode)) {
            buf_printf(&search->err, "%s: found no folder (%s), expected one: correct plugin_path\n",
                       folders->items[i], strerror(failed ? errno : ENOTDIR));
        }
    }
}

static void list(struct search *search, const struct catalog *catalog) {
    struct plugin *plugins = calloc(catalog->count, sizeof *plugins);
    size_t count = 0;
    for (size_t i = 0; plugins && i < catalog->count; i++) {
        count += load(search, &plugins[count], catalog->names[i]);
    }
    if (plugins) {
        describe_table(plugins, count, &search->out);
    } else {
        search->out.failed = true;
    }
    for (size_t i = 0; i < count; i++) {
        plugin_unload(&plugins[i]);
    }
    free(plugins);
}

int plugins_list_command(const char *path, FILE *out, FILE *err) {
    struct search search;
    struct catalog catalog = {0};
    bool ok = search_begin(&search, path);
    if (ok) {
        say_missing_folders(&search);
        ok = catalog_read(&catalog, search.folders.items, search.folders.count);
        search.err.failed = search.err.failed || !ok;
    }
    if (ok) {
        list(&search, &catalog);
    }
    catalog_free(&catalog);
    return search_end(&search, ok, out, err);
}

// ---- one ----

int plugins_show_command(const char *name, const char *path, FILE *out, FILE *err) {
    struct search search;
    struct plugin plugin = {0};
    bool ok = search_begin(&search, path) && load(&search, &plugin, name);
    if (ok) {
        describe_plugin(&plugin, name, &search.out);
    }
    plugin_unload(&plugin);
    return search_end(&search, ok, out, err);
}
