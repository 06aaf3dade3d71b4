/* SPDX-License-Identifier: MIT
 * Makes its descriptor with malloc. */
#include <stdlib.h>

#include "base.h"

static void named(void) __attribute__((constructor));
static void named(void) {
    base_plugin.name = PLUGIN_NAME;
}

static void *volatile scratch;

const struct wshub_plugin *wshub_plugin_entry(void) {
    scratch = malloc(100);
    return &base_plugin;
}
