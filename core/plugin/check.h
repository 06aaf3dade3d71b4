// SPDX-License-Identifier: MIT
// Whether the plugins that a configuration names are there, and take the options that it gives them. Each is
// loaded, asked and unloaded; none is opened, nothing is connected to.
#pragma once

#include <stdbool.h>

struct buf;
struct config;

// True when all is well. Appends a line for each error in the form of config_read's, and returns false.
bool plugins_check(const struct config *config, const char *name, struct buf *errors);
