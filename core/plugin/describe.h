// SPDX-License-Identifier: MIT
// Plugins in words, for people.
#pragma once

#include <stddef.h>

struct buf;
struct plugin;

// A line for each of `count`, in columns, below a line of their titles.
void describe_table(const struct plugin *plugins, size_t count, struct buf *out);
// Everything about one, as YAML with its options at their defaults; `name` is what `plugin:` shall say.
void describe_plugin(const struct plugin *plugin, const char *name, struct buf *out);
