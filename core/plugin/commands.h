// SPDX-License-Identifier: MIT
// `wshub plugins`, without its command line.
#pragma once

#include <stdio.h>

// Lists the plugins that are found, a line each on `out`. One that is broken gets its line on `err` instead:
// it harms nobody who does not name it. `path` as for config_load_usual: for its plugin_path. The exit code.
int plugins_list_command(const char *path, FILE *out, FILE *err);

// Says all of one plugin, given by name or path, as YAML that can be pasted into a configuration. One that is
// not there or broken is said on `err`.
int plugins_show_command(const char *name, const char *path, FILE *out, FILE *err);
