// SPDX-License-Identifier: MIT
// The plugin's file, loaded and unloaded by a case itself rather than once by the kit.
#pragma once

#include <stdbool.h>

#include "check.h"

struct shelf {
    struct check *check;
    char *path;    // of the .so
    void *library; // NULL: not loaded
    const struct wshub_plugin *(*entry)(void);
};

// Gives back what the kit has loaded: check_plugin and check_broker are not to be used any more. Skips the
// case for a plugin that is built in.
void shelf_take(struct check *check, struct shelf *shelf);
void shelf_load(struct shelf *shelf);
void shelf_unload(struct shelf *shelf);
// Some library keeps it in memory after it was unloaded: a second load is not like the first.
bool shelf_is_pinned(const struct shelf *shelf);
void shelf_free(struct shelf *shelf);
