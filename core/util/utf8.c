// SPDX-License-Identifier: MIT
#include "util/utf8.h"

#include <stdint.h>
#include <string.h>
#include <unistr.h>

// Eight bytes at a time while there is only ASCII, which is nearly all there ever is; libunistring does the
// rest.
bool utf8_is_valid(const void *data, size_t length) {
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    const uint8_t *next = data;
    uint64_t word;
    while (length >= sizeof word) {
        memcpy(&word, next, sizeof word);
        if (word & high_bits) {
            break;
        }
        next += sizeof word;
        length -= sizeof word;
    }
    return length == 0 || u8_check(next, length) == NULL;
}

// C1, U+0080 to U+009F, are C2 80 to C2 9F.
bool utf8_has_control(const void *data, size_t length) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++) {
        uint8_t next = i + 1 < length ? bytes[i + 1] : 0xff;
        if (bytes[i] < 0x20 || bytes[i] == 0x7f || (bytes[i] == 0xc2 && next < 0xa0)) {
            return true;
        }
    }
    return false;
}

size_t utf8_cut(const char *text, size_t length, size_t most) {
    if (length <= most) {
        return length;
    }
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80) {
        most--;
    }
    return most;
}
