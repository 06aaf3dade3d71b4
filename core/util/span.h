// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>

struct span { // borrowed bytes, not terminated
    const char *data;
    size_t length;
};
