/* SPDX-License-Identifier: MIT */
#include "group.h"

#include <string.h>

#include "wshub/broker.h"

size_t group_prefix(struct wshub_bytes key) {
    static const char instance[] = WSHUB_INSTANCE_KEY;
    const size_t length = sizeof instance - 1;
    const char *slash = key.length ? memchr(key.data, '/', key.length) : NULL;
    if (slash) {
        return (size_t)(slash - (const char *)key.data) + 1;
    }
    return key.length >= length && memcmp(key.data, instance, length) == 0 ? length : 0;
}
