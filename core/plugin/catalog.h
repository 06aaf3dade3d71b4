// SPDX-License-Identifier: MIT
// The plugins that could be named: the built-in ones, and the .so files of the folders. Nothing is loaded.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct catalog {
    char **names; // sorted, each once
    size_t count;
};

// False: no memory, and *catalog is empty. A folder that cannot be read has none.
bool catalog_read(struct catalog *catalog, const char *const *folders, size_t count);
void catalog_free(struct catalog *catalog); // zeroed is fine
