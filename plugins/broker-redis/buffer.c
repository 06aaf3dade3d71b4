/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 4096, KEPT = 1024 * 1024 };

bool buffer_reserve(struct buffer *buffer, size_t more) {
    if (buffer->capacity - buffer->start - buffer->length >= more) {
        return true;
    }
    if (buffer->start >= buffer->length && buffer->capacity - buffer->length >= more) {
        memmove(buffer->data, buffer_front(buffer), buffer->length);
        buffer->start = 0;
        return true;
    }
    size_t capacity = buffer->capacity ? buffer->capacity : LEAST;
    while (capacity < buffer->start + buffer->length + more) {
        capacity *= 2;
    }
    char *data = realloc(buffer->data, capacity); /* a large one is not copied, but mapped elsewhere */
    if (!data) {
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void buffer_put(struct buffer *buffer, const void *data, size_t length) {
    assert(buffer->capacity - buffer->start - buffer->length >= length);
    if (length) {
        memcpy(buffer->data + buffer->start + buffer->length, data, length);
        buffer->length += length;
    }
}

void buffer_take(struct buffer *buffer, size_t length) {
    assert(length <= buffer->length);
    buffer->start += length;
    buffer->length -= length;
    if (buffer->length == 0) {
        buffer->start = 0;
        if (buffer->capacity > KEPT) { /* a burst is over: do not hold its memory */
            buffer_free(buffer);
        }
    }
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}
