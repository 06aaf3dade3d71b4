/* SPDX-License-Identifier: MIT */
#include "base64.h"

static int value_of(char character, enum base64_form form) {
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    if (character == '-' || (character == '+' && form == BASE64_ANY)) {
        return 62;
    }
    return character == '_' || (character == '/' && form == BASE64_ANY) ? 63 : -1;
}

static size_t without_padding(const char *text, size_t length) {
    if (length % 4 == 0) {
        for (int i = 0; i < 2 && length > 0 && text[length - 1] == '='; i++) {
            length--;
        }
    }
    return length;
}

ptrdiff_t base64_decode(unsigned char *out, const char *text, size_t length, enum base64_form form) {
    unsigned bits = 0, pending = 0;
    ptrdiff_t written = 0;
    if (form == BASE64_ANY) {
        length = without_padding(text, length);
    }
    for (size_t i = 0; i < length; i++) {
        int value = value_of(text[i], form);
        if (value < 0) {
            return -1;
        }
        bits = (bits << 6 | (unsigned)value) & 0xffff;
        pending += 6;
        if (pending >= 8) {
            pending -= 8;
            out[written++] = (unsigned char)(bits >> pending);
        }
    }
    return length % 4 == 1 || (bits & ((1u << pending) - 1)) != 0 ? -1 : written;
}

size_t base64_encode(char *out, const void *bytes, size_t length) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *in = bytes;
    unsigned bits = 0, pending = 0;
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        bits = (bits << 8 | in[i]) & 0xffff;
        for (pending += 8; pending >= 6; pending -= 6) {
            out[written++] = alphabet[bits >> (pending - 6) & 63];
        }
    }
    if (pending > 0) {
        out[written++] = alphabet[bits << (6 - pending) & 63];
    }
    return written;
}
