// SPDX-License-Identifier: MIT
// A growable byte buffer, owned by one thread. Appending reports a lack of memory once, as `failed`: write a
// whole reply, then look.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t length;
    size_t capacity;
    bool failed; // an append found no memory; the content is not to be used
};

// Makes room for `more` bytes beyond length. False: no memory, `failed` is set.
bool buf_reserve(struct buf *buf, size_t more);
void buf_append(struct buf *buf, const void *data, size_t length);
void buf_puts(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A JSON string with its quotes. `text` is UTF-8.
void buf_json_string(struct buf *buf, const char *text, size_t length);
// Forgets the content, keeps the memory.
void buf_clear(struct buf *buf);
void buf_free(struct buf *buf);
