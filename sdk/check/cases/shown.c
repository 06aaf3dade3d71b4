// SPDX-License-Identifier: MIT
#include "cases/shown.h"

#include <stdio.h>
#include <string.h>

enum {
    SHORT = 16, // bytes that two texts in one line may have each
    LONG = 60,  // and one by itself
    MOST = 100, // as they are written
};

static size_t put_byte(char *out, size_t room, unsigned char byte) {
    if (byte == '"' || byte == '\\') {
        return (size_t)snprintf(out, room, "\\%c", byte);
    }
    if (byte >= 0x20 && byte < 0x7F) {
        return (size_t)snprintf(out, room, "%c", byte);
    }
    return (size_t)snprintf(out, room, "\\x%02X", byte);
}

// Puts the bytes in quotes, as many as are short enough to read. Returns what was written, at most MOST + 30.
static size_t put(char *out, size_t room, struct wshub_bytes bytes) {
    const unsigned char *data = bytes.data;
    size_t length = 0, i;
    out[length++] = '"';
    for (i = 0; i < bytes.length && i < LONG && length < MOST; i++) {
        length += put_byte(out + length, room - length, data[i]);
    }
    if (i < bytes.length) {
        return length + (size_t)snprintf(out + length, room - length, "...\" (%zu bytes)", bytes.length);
    }
    return length + (size_t)snprintf(out + length, room - length, "\"");
}

struct shown shown_bytes(struct wshub_bytes bytes) {
    struct shown shown;
    put(shown.text, sizeof shown.text, bytes);
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

static struct shown show_both(struct wshub_bytes sent, struct wshub_bytes came) {
    static const char between[] = " came instead of ";
    struct shown shown;
    size_t length = put(shown.text, sizeof shown.text, came);
    memcpy(shown.text + length, between, sizeof between);
    length += sizeof between - 1;
    put(shown.text + length, sizeof shown.text - length, sent);
    return shown;
}

struct shown shown_difference(struct wshub_bytes sent, struct wshub_bytes came) {
    struct shown shown;
    size_t at = first_difference(sent, came);
    if (sent.length <= SHORT && came.length <= SHORT) {
        return show_both(sent, came);
    }
    if (came.length == 0) {
        snprintf(shown.text, sizeof shown.text, "nothing came instead of %zu bytes", sent.length);
    } else if (at == sent.length || at == came.length) {
        snprintf(shown.text, sizeof shown.text, "%zu bytes came instead of %zu, the same as far as they go",
                 came.length, sent.length);
    } else {
        snprintf(shown.text, sizeof shown.text,
                 "byte %zu is 0x%02X instead of 0x%02X; %zu bytes came, %zu were sent", at,
                 ((const unsigned char *)came.data)[at], ((const unsigned char *)sent.data)[at], came.length,
                 sent.length);
    }
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
