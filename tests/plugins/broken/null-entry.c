/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "wshub/wshub.h"

const struct wshub_plugin *wshub_plugin_entry(void) {
    return NULL;
}
