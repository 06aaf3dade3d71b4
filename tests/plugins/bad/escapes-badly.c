/* SPDX-License-Identifier: MIT
 * Writes a blank as a dot, and leaves dots as they are: two names become one. */
#include "base.h"

static int letter(const char *at) {
    return *at == ' ' ? '.' : (unsigned char)*at;
}

static int compare(struct wshub_bytes a, struct wshub_bytes b) {
    const char *x = a.data, *y = b.data;
    for (size_t i = 0; i < a.length && i < b.length; i++) {
        if (letter(x + i) != letter(y + i)) {
            return letter(x + i) - letter(y + i);
        }
    }
    return (a.length > b.length) - (a.length < b.length);
}

BAD(ways.compare = compare)
