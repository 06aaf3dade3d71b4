// SPDX-License-Identifier: MIT
#include "shown.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SHORT = 12, LONG = 60 }; // bytes: of one that stands beside another, and of one by itself

static bool is_plain(unsigned char byte) {
    return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

// Puts at most `most` bytes in quotes, and stops where the room ends. Returns what was written.
static size_t put(char *out, size_t room, struct wshub_bytes bytes, size_t most) {
    enum { END = 24 }; // the quote, the length, the terminator
    const unsigned char *data = bytes.data;
    size_t length = 0, i;
    out[length++] = '"';
    for (i = 0; i < bytes.length && i < most && length + 4 + END < room; i++) {
        length +=
            (size_t)snprintf(out + length, room - length, is_plain(data[i]) ? "%c" : "\\x%02X", data[i]);
    }
    if (i < bytes.length) {
        return length + (size_t)snprintf(out + length, room - length, "...\" (%zu bytes)", bytes.length);
    }
    return length + (size_t)snprintf(out + length, room - length, "\"");
}

struct shown shown_bytes(struct wshub_bytes bytes) {
    struct shown shown;
    put(shown.text, sizeof shown.text, bytes, LONG);
    return shown;
}

static size_t first_difference(struct wshub_bytes a, struct wshub_bytes b) {
    const char *left = a.data, *right = b.data;
    size_t i = 0;
    while (i < a.length && i < b.length && left[i] == right[i]) {
        i++;
    }
    return i;
}

static struct shown differ_in_length(struct wshub_bytes sent, struct wshub_bytes came) {
    struct shown shown;
    snprintf(shown.text, sizeof shown.text, "%zu bytes came instead of %zu, the same as far as they go",
             came.length, sent.length);
    return shown;
}

struct shown shown_difference(struct wshub_bytes sent, struct wshub_bytes came) {
    struct shown shown;
    if (sent.length <= SHORT && came.length <= LONG / 2) {
        static const char between[] = " came instead of ";
        size_t length = put(shown.text, sizeof shown.text / 2, came, LONG / 2);
        memcpy(shown.text + length, between, sizeof between);
        length += sizeof between - 1;
        put(shown.text + length, sizeof shown.text - length, sent, SHORT);
        return shown;
    }
    size_t at = first_difference(sent, came);
    if (at == sent.length || at == came.length) {
        return differ_in_length(sent, came);
    }
    snprintf(shown.text, sizeof shown.text,
             "byte %zu is 0x%02X instead of 0x%02X; %zu bytes came, %zu were sent", at,
             ((const unsigned char *)came.data)[at], ((const unsigned char *)sent.data)[at], came.length,
             sent.length);
    return shown;
}

struct shown shown_status(int status) {
    static const struct {
        int value;
        const char *text;
    } names[] = {
#define NAME(value, name, text) {value, #name ": " text},
        WSHUB_STATUS_MAP(NAME)
#undef NAME
    };
    struct shown shown;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].value == status) {
            snprintf(shown.text, sizeof shown.text, "%s", names[i].text);
            return shown;
        }
    }
    snprintf(shown.text, sizeof shown.text, "%d, which is not a wshub_status", status);
    return shown;
}
