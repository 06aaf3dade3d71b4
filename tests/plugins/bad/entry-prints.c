/* SPDX-License-Identifier: MIT
 * Says hello when it is asked what it is. */
#include <stdio.h>

#include "base.h"

static void named(void) __attribute__((constructor));
static void named(void) {
    base_plugin.name = PLUGIN_NAME;
}

const struct wshub_plugin *wshub_plugin_entry(void) {
    puts("hello");
    fflush(stdout);
    return &base_plugin;
}
