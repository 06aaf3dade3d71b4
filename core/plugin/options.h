// SPDX-License-Identifier: MIT
// A plugin's options: what a configuration says, read by what the plugin declares, with the fallbacks filled
// in.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct config_plugin;
struct options;
struct wshub_plugin;

// Where an error stands: "wshub.yaml" and "brokers[0]" or "auth[0]".
struct options_place {
    const char *file;
    const char *entry;
    int line, column; // of the entry: for an option that is missing
};

// `plugin` is the `about` of a struct plugin, and borrowed until options_free. NULL: every error, a line each
// with its line feed, was appended in the form of config_read's. The value of an option that is secret, or
// came from the environment, is never among them.
struct options *options_read(const struct wshub_plugin *plugin, const struct config_plugin *config,
                             const struct options_place *place, struct buf *errors);
void options_free(struct options *options); // NULL is fine

const char *options_text(const struct options *options, const char *name); // NULL: no value, or not declared
uint64_t options_number(const struct options *options, const char *name);

// What check or open said of an option that is well formed, as such a line: "found ..., expected ...".
void options_refuse(const struct options *options, const char *name, const char *expected,
                    const struct options_place *place, struct buf *errors);
