/* SPDX-License-Identifier: MIT
 * Its descriptor is another one at each call. */
#include "base.h"

static void named(void) __attribute__((constructor));
static void named(void) {
    base_plugin.name = PLUGIN_NAME;
}

const struct wshub_plugin *wshub_plugin_entry(void) {
    static struct wshub_plugin copies[2];
    static unsigned calls;
    struct wshub_plugin *copy = &copies[calls++ % 2];
    *copy = base_plugin;
    return copy;
}
