/* SPDX-License-Identifier: MIT */
#include "wshub/wshub.h"

WSHUB_EXPORT int wshub_plugin_entrance(void);

int wshub_plugin_entrance(void) {
    return 0;
}
