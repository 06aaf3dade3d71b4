// SPDX-License-Identifier: MIT
// Where plugins are looked for, in this order: the folders of plugin_path, `plugins` beside the program (a
// build tree), and where an installation has them, seen from the program, so that it can be moved as a whole.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct config_strings;

struct folders {
    const char **items;
    size_t count;
};

// False: no memory, and *folders is empty.
bool folders_make(struct folders *folders, const struct config_strings *plugin_path);
void folders_free(struct folders *folders); // zeroed is fine
