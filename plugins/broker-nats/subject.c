/* SPDX-License-Identifier: MIT */
#include "subject.h"

#include <assert.h>
#include <string.h>

static const char digits[] = "0123456789ABCDEF";

/* Whether the byte stands for itself, `before` being the one before it, or 0, and `last` whether it ends. */
typedef bool (*plain_fn)(unsigned char byte, unsigned char before, bool last);

static bool is_plain(unsigned char byte, unsigned char before, bool last) {
    if (byte == '.') {
        return before != 0 && before != '.' && !last;
    }
    return byte > ' ' && byte != 0x7f && !strchr("*>%\"\\", byte);
}

static bool is_plain_in_key(unsigned char byte, unsigned char before, bool last) {
    (void)before;
    (void)last;
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '_';
}

static size_t write_name(char *out, const char *head, struct wshub_bytes name, char escape, plain_fn plain) {
    const unsigned char *bytes = name.data;
    size_t n = strlen(head);
    assert(name.length > 0 && name.length <= SUBJECT_NAME_MOST && n + 3 * name.length < SUBJECT_SIZE);
    memcpy(out, head, n);
    for (size_t i = 0; i < name.length; i++) {
        if (plain(bytes[i], i ? bytes[i - 1] : 0, i + 1 == name.length)) {
            out[n++] = (char)bytes[i];
        } else {
            out[n++] = escape;
            out[n++] = digits[bytes[i] >> 4];
            out[n++] = digits[bytes[i] & 15];
        }
    }
    out[n] = 0;
    return n;
}

static int value_of(char digit) {
    const char *at = digit ? strchr(digits, digit) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The byte at *at, and moves it behind; -1: what no name is written as. */
static int take_byte(const char **at, char escape) {
    if (**at != escape) {
        return (unsigned char)*(*at)++;
    }
    const int high = value_of((*at)[1]), low = high < 0 ? -1 : value_of((*at)[2]);
    *at += low < 0 ? 0 : 3;
    return low < 0 ? -1 : high << 4 | low;
}

static bool read_name(const char *text, char escape, char *name, size_t *length) {
    size_t n = 0;
    while (*text) {
        const int byte = take_byte(&text, escape);
        if (byte < 0 || n == SUBJECT_NAME_MOST) {
            return false;
        }
        name[n++] = (char)byte;
    }
    *length = n;
    return n > 0;
}

size_t subject_write(char out[SUBJECT_SIZE], const char *head, struct wshub_bytes name) {
    return write_name(out, head, name, '%', is_plain);
}

bool subject_read(const char *subject, size_t head, char name[SUBJECT_NAME_MOST], size_t *length) {
    return strlen(subject) > head && read_name(subject + head, '%', name, length);
}

size_t subject_write_key(char out[SUBJECT_SIZE], const char *head, struct wshub_bytes key) {
    return write_name(out, head, key, '=', is_plain_in_key);
}

bool subject_read_key(const char *subject, size_t head, char key[SUBJECT_NAME_MOST], size_t *length) {
    char again[SUBJECT_SIZE];
    if (strlen(subject) <= head || !read_name(subject + head, '=', key, length)) {
        return false;
    }
    subject_write_key(again, "", (struct wshub_bytes){key, *length});
    return strcmp(again, subject + head) == 0;
}
