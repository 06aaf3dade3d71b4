/* SPDX-License-Identifier: MIT */
#include "subject.h"

#include <assert.h>
#include <string.h>

static const char digits[] = "0123456789ABCDEF";

/* `before` is the byte before it, or 0; `last`: it ends. */
static bool is_plain(unsigned char byte, unsigned char before, bool last) {
    if (byte == '.') {
        return before != 0 && before != '.' && !last;
    }
    return byte > ' ' && byte != 0x7f && !strchr("*>%\"\\", byte);
}

static bool is_plain_in_key(unsigned char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '_';
}

static size_t put_escaped(char *out, char escape, unsigned char byte) {
    out[0] = escape;
    out[1] = digits[byte >> 4];
    out[2] = digits[byte & 15];
    return 3;
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
    const unsigned char *bytes = name.data;
    size_t n = strlen(head);
    assert(name.length > 0 && name.length <= SUBJECT_NAME_MOST && n + 3 * name.length < SUBJECT_SIZE);
    memcpy(out, head, n);
    for (size_t i = 0; i < name.length; i++) {
        if (is_plain(bytes[i], i ? bytes[i - 1] : 0, i + 1 == name.length)) {
            out[n++] = (char)bytes[i];
        } else {
            n += put_escaped(out + n, '%', bytes[i]);
        }
    }
    out[n] = 0;
    return n;
}

bool subject_read(const char *subject, size_t head, char name[SUBJECT_NAME_MOST], size_t *length) {
    return strlen(subject) > head && read_name(subject + head, '%', name, length);
}

/* ---- keys ---- */

static bool ends_token(const struct wshub_bytes *key, size_t at) {
    const char *bytes = key->data;
    return at == key->length || bytes[at] == ':' || bytes[at] == '/';
}

/* What stands between two ends. Returns where the second is. */
static size_t write_token(char *out, size_t *n, const struct wshub_bytes *key, size_t at) {
    const unsigned char *bytes = key->data;
    if (ends_token(key, at)) {
        out[(*n)++] = '=';
    }
    for (; !ends_token(key, at); at++) {
        if (is_plain_in_key(bytes[at])) {
            out[(*n)++] = (char)bytes[at];
        } else {
            *n += put_escaped(out + *n, '=', bytes[at]);
        }
    }
    return at;
}

/* A ':' or '/', as what it ends and what follows it are separated. */
static void write_end(char *out, size_t *n, char end) {
    const char *text = end == '/' ? "./." : ".";
    memcpy(out + *n, text, strlen(text));
    *n += strlen(text);
}

size_t subject_write_key(char out[SUBJECT_SIZE], const char *head, struct wshub_bytes key) {
    const char *bytes = key.data;
    size_t n = strlen(head), at = 0;
    assert(key.length > 0 && key.length <= SUBJECT_KEY_MOST && n + 4 * key.length + 1 < SUBJECT_SIZE);
    memcpy(out, head, n);
    while ((at = write_token(out, &n, &key, at)) < key.length) {
        write_end(out, &n, bytes[at++]);
    }
    out[n] = 0;
    return n;
}

size_t subject_write_keys(char out[SUBJECT_SIZE], const char *head, struct wshub_bytes part) {
    const char *bytes = part.data;
    size_t n = strlen(head), end = part.length < SUBJECT_KEY_MOST ? part.length : SUBJECT_KEY_MOST;
    while (end > 0 && bytes[end - 1] != ':' && bytes[end - 1] != '/') {
        end--;
    }
    memcpy(out, head, n);
    for (size_t at = 0; at < end; at++) {
        at = write_token(out, &n, &part, at);
        write_end(out, &n, bytes[at]);
    }
    out[n++] = '>';
    out[n] = 0;
    return n;
}

/* As a name whose tokens are separated by what they stand for. */
static bool join_tokens(const char *text, char joined[SUBJECT_SIZE]) {
    size_t n = 0;
    while (*text) {
        if (n + 1 == SUBJECT_SIZE) {
            return false;
        }
        if (strncmp(text, "./.", 3) == 0) {
            joined[n++] = '/';
            text += 3;
        } else {
            joined[n++] = *text == '.' ? ':' : *text;
            text++;
        }
    }
    joined[n] = 0;
    return true;
}

/* Without the '=' of those between which there is nothing. */
static void drop_empty(char *joined) {
    char *out = joined, before = ':';
    for (const char *at = joined; *at; at++) {
        const bool begins = before == ':' || before == '/', ends = strchr(":/", at[1]);
        before = *at;
        if (!(*at == '=' && begins && ends)) {
            *out++ = *at;
        }
    }
    *out = 0;
}

bool subject_read_key(const char *subject, size_t head, char key[SUBJECT_NAME_MOST], size_t *length) {
    char joined[SUBJECT_SIZE], again[SUBJECT_SIZE];
    if (strlen(subject) <= head || !join_tokens(subject + head, joined)) {
        return false;
    }
    drop_empty(joined);
    if (!read_name(joined, '=', key, length) || *length > SUBJECT_KEY_MOST) {
        return false;
    }
    subject_write_key(again, "", (struct wshub_bytes){key, *length});
    return strcmp(again, subject + head) == 0;
}

/* ---- histories ---- */

struct wshub_bytes subject_epoch(const char *subject, const char *head) {
    const size_t length = strlen(head);
    const char *size_and_ttl = strncmp(subject, head, length) == 0 ? subject + length : "";
    const char *dot = strchr(size_and_ttl, '.'), *end = dot ? strchr(dot + 1, '.') : NULL;
    return end ? (struct wshub_bytes){dot + 1, (size_t)(end - dot - 1)} : (struct wshub_bytes){NULL, 0};
}
