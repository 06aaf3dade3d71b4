// SPDX-License-Identifier: MIT
#include "cases/shelf.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "check_priv.h"
#include "host/memory.h"
#include "plugin/options.h"

void shelf_take(struct check *check, struct shelf *shelf) {
    *shelf = (struct shelf){.check = check};
    if (!check->plugin.library) {
        check_skip(check, "the plugin is built in: there is no file to be loaded");
    }
    shelf->path = strdup(check_path(check));
    if (!shelf->path) {
        check_fail(check, "the kit has no memory left");
    }
    options_free(check->options); // they point into its declaration
    check->options = NULL;
    check->given = NULL;
    plugin_unload(&check->plugin);
}

void shelf_load(struct shelf *shelf) {
    check_enter(shelf->check, "dlopen");
    enum memory_side side = memory_enter(MEMORY_OF_PLUGIN); // its constructors run
    shelf->library = dlopen(shelf->path, RTLD_NOW | RTLD_LOCAL);
    memory_enter(side);
    check_leave(shelf->check);
    void *symbol = shelf->library ? dlsym(shelf->library, "wshub_plugin_entry") : NULL;
    if (!symbol) {
        check_fail(shelf->check, "could be loaded, and unloaded, and not loaded again: %s", dlerror());
    }
    memcpy(&shelf->entry, &symbol, sizeof shelf->entry); // ISO C has no conversion from one to the other
}

void shelf_unload(struct shelf *shelf) {
    check_enter(shelf->check, "dlclose");
    enum memory_side side = memory_enter(MEMORY_OF_PLUGIN); // its destructors run
    dlclose(shelf->library);
    memory_enter(side);
    check_leave(shelf->check);
    shelf->library = NULL;
    shelf->entry = NULL;
}

bool shelf_is_pinned(const struct shelf *shelf) {
    void *library = dlopen(shelf->path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (library) {
        dlclose(library);
    }
    return library;
}

void shelf_free(struct shelf *shelf) {
    if (shelf->library) {
        shelf_unload(shelf);
    }
    free(shelf->path);
    *shelf = (struct shelf){0};
}
