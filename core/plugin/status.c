// SPDX-License-Identifier: MIT
#include "plugin/status.h"

#include <stdbool.h>
#include <stddef.h>

#include "wshub/status.h"

const char *status_text(int status) {
    static const char *const texts[] = {
#define STATUS_TEXT(value, name, text) [-(value)] = text,
        WSHUB_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
    };
    bool known = status <= 0 && (size_t)-status < sizeof texts / sizeof *texts;
    return known ? texts[-status] : "an unknown status";
}
