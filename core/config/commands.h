// SPDX-License-Identifier: MIT
// What the verbs do with a configuration, without their command line.
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct buf;
struct config;

enum { CONFIG_EXIT_OK = 0, CONFIG_EXIT_WRONG = 2 };

// What only the rest of the program can judge, such as whether a plugin is there. Appends lines like
// config_read's, and returns false, when something is wrong. `name` is what they call the file.
typedef bool (*config_also_fn)(const struct config *config, const char *name, struct buf *errors);

// config_load for *path; NULL in it stands for ./wshub.yaml, and becomes that, or stays NULL when there is
// none and the defaults are used. On false there is nothing to free.
bool config_load_usual(struct config *config, const char **path, config_also_fn also, struct buf *errors);

// Reads the configuration and says on `out` what it would do, or on `err` every error and how many there are.
// `path` NULL stands for ./wshub.yaml when there is one, else for the defaults, and the first line says
// which. Returns the exit code.
int config_check_command(const char *path, config_also_fn also, FILE *out, FILE *err);
int config_defaults_command(FILE *out);
