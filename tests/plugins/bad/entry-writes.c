/* SPDX-License-Identifier: MIT
 * Its descriptor counts how often it was asked for. */
#include "base.h"

static void named(void) __attribute__((constructor));
static void named(void) {
    base_plugin.name = PLUGIN_NAME;
}

const struct wshub_plugin *wshub_plugin_entry(void) {
    base_options[3].high++;
    return &base_plugin;
}
