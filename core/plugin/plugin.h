// SPDX-License-Identifier: MIT
// A plugin in memory, checked and made as large as this hub knows its tables: what its author's headers did
// not have yet is zero. Loaded and unloaded by the main thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "wshub/plugin.h"

struct buf;

enum plugin_kind { PLUGIN_BROKER, PLUGIN_AUTH };

// Stays where it was loaded: `about` points into it.
struct plugin {
    void *library;              // of dlopen; NULL: built in
    char *file;                 // where it came from; "built in"
    struct wshub_plugin about;  // its texts are never NULL, its options stand one behind the other
    struct wshub_broker broker; // zero where about.broker is NULL; one of the two is there
    struct wshub_auth auth;     // the same
    struct wshub_option *options;
};

// Takes a descriptor that is in memory already, and stays there. False: *plugin is zero, and one line stands
// in `why`, without a line feed.
bool plugin_adopt(struct plugin *plugin, const struct wshub_plugin *descriptor, const char *file,
                  struct buf *why);

// Loads by name, along `folders` (a list of `count`; the first that has NAME.so), or by path: a name with a
// '/' in it. Built-in plugins are found first. False: *plugin is zero, and one line stands in `why`, with
// file, got, expected and what to do.
bool plugin_load(struct plugin *plugin, const char *name, const char *const *folders, size_t count,
                 struct buf *why);

// Does it have that table? False: one line stands in `why`.
bool plugin_is(const struct plugin *plugin, enum plugin_kind kind, struct buf *why);

// Zeroed, or loaded: gives everything back.
void plugin_unload(struct plugin *plugin);
