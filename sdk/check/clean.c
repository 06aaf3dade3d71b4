// SPDX-License-Identifier: MIT
#include "clean.h"

#include <stdbool.h>

#include "util/utf8.h"

// How long the character would be that begins so; 1 for what begins none.
static size_t length_of(unsigned char first) {
    return first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

// U+0080 to U+009F are control characters too.
static bool is_control(const unsigned char *at, size_t length) {
    return length == 1 ? (at[0] < 0x20 && at[0] != '\t' && at[0] != '\n') || at[0] == 0x7F
                       : at[0] == 0xC2 && at[1] < 0xA0;
}

void clean_text(char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t here = length_of((unsigned char)text[i]);
        const unsigned char *at = (const unsigned char *)text + i;
        if (here > length - i || !utf8_is_valid(at, here) || is_control(at, here)) {
            text[i++] = '?';
        } else {
            i += here;
        }
    }
}
