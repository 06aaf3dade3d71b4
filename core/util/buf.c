// SPDX-License-Identifier: MIT
#include "util/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256 };

bool buf_reserve(struct buf *buf, size_t more) {
    if (buf->failed || more > SIZE_MAX / 2 - buf->length) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->length + more;
    if (need <= buf->capacity) {
        return true;
    }
    size_t capacity = buf->capacity ? buf->capacity : SMALLEST;
    while (capacity < need) {
        capacity *= 2;
    }
    char *data = realloc(buf->data, capacity);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void buf_append(struct buf *buf, const void *data, size_t length) {
    if (length > 0 && buf_reserve(buf, length)) {
        memcpy(buf->data + buf->length, data, length);
        buf->length += length;
    }
}

void buf_puts(struct buf *buf, const char *text) {
    buf_append(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !buf_reserve(buf, (size_t)length + 1)) {
        buf->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(buf->data + buf->length, (size_t)length + 1, format, args);
    va_end(args);
    buf->length += (size_t)length;
}

void buf_json_string(struct buf *buf, const char *text, size_t length) {
    buf_append(buf, "\"", 1);
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        buf_append(buf, text + start, i - start);
        start = i + 1;
        if (c < 0x20) {
            buf_printf(buf, "\\u%04x", c);
        } else {
            buf_append(buf, (char[]){'\\', (char)c}, 2);
        }
    }
    buf_append(buf, text + start, length - start);
    buf_append(buf, "\"", 1);
}

void buf_clear(struct buf *buf) {
    buf->length = 0;
    buf->failed = false;
}

void buf_free(struct buf *buf) {
    free(buf->data);
    *buf = (struct buf){0};
}
