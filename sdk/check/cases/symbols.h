// SPDX-License-Identifier: MIT
// What a shared object exports, read from its file: nothing is loaded. For this machine's own class of ELF.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct symbols {
    char **names;
    size_t count;
};

// The dynamic symbols that it defines for others, in the order of the file; not those that a linker or a
// sanitizer puts into every object. False: `why` says in a few words why the file could not be read.
bool symbols_read(struct symbols *symbols, const char *path, const char **why);
void symbols_free(struct symbols *symbols); // zeroed is fine
