/* SPDX-License-Identifier: MIT
 * Takes a group for whatever begins so. */
#include "base.h"

static int list(void *self, struct wshub_bytes prefix, wshub_token token) {
    const char *text = prefix.data;
    if (prefix.length > 0 && text[prefix.length - 1] == '/') {
        prefix.length--;
    }
    return base_list(self, prefix, token);
}

BAD(base_broker.registry_list = list)
