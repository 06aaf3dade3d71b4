// SPDX-License-Identifier: MIT
// The plugins that are linked into the hub.
#pragma once

struct wshub_plugin;

const struct wshub_plugin *builtin_find(const char *name); // NULL: there is none of that name
// Their names for an error message: "memory".
const char *builtin_names(void);
