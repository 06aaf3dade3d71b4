// SPDX-License-Identifier: MIT
// The plugins that are linked into the hub.
#pragma once

#include <stddef.h>

struct wshub_plugin;

const struct wshub_plugin *builtin_find(const char *name); // NULL: there is none of that name
const struct wshub_plugin *builtin_at(size_t index);       // NULL: behind the last
