/* SPDX-License-Identifier: MIT
 * Bytes that wait to be written: appended at the end, taken from the front. Owned by one connection. */
#ifndef REDIS_BUFFER_H
#define REDIS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data;
    size_t start, length; /* the content: data[start .. start + length) */
    size_t capacity;
};

/* Makes room for `more` bytes at the end. False: no memory, nothing has changed. */
bool buffer_reserve(struct buffer *buffer, size_t more);
/* Into room that buffer_reserve has made. */
void buffer_put(struct buffer *buffer, const void *data, size_t length);
void buffer_take(struct buffer *buffer, size_t length);
static inline const char *buffer_front(const struct buffer *buffer) {
    return buffer->data + buffer->start;
}
/* Empties it and gives the memory back. */
void buffer_free(struct buffer *buffer);

#endif
