// SPDX-License-Identifier: MIT
// The options that a plugin declares.
#pragma once

#include <stdbool.h>

struct buf;
struct wshub_option;
struct wshub_plugin;

// Copies them into *options, which the caller frees; each as large as this hub knows it. NULL when there are
// none. False: there is something wrong with one, and `why` goes on with it: "found X, expected Y: what to
// do".
bool declared_copy(const struct wshub_plugin *plugin, struct wshub_option **options, struct buf *why);
