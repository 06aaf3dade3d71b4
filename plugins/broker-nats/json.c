/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DECIMALS = 9, DEPTH_MOST = 32 };

/* yajl frees a tree by recursion: a message full of brackets would take the stack. */
static bool is_deep(const char *text, size_t length) {
    bool quoted = false;
    int depth = 0;
    for (size_t i = 0; i < length && depth <= DEPTH_MOST; i++) {
        if (quoted && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            depth += (text[i] == '[' || text[i] == '{') - (text[i] == ']' || text[i] == '}');
        }
    }
    return depth > DEPTH_MOST;
}

/* yajl wants it terminated. */
yajl_val json_read(const void *data, size_t length) {
    char error[8];
    char *text = is_deep(data, length) ? NULL : malloc(length + 1);
    if (!text) {
        return NULL;
    }
    memcpy(text, data, length);
    text[length] = 0;
    yajl_val json = yajl_tree_parse(text, error, sizeof error);
    free(text);
    return json;
}

static yajl_val look(yajl_val json, const char *name, const char *inner, yajl_type type) {
    const char *path[] = {name, inner, NULL};
    return json ? yajl_tree_get(json, path, type) : NULL;
}

const char *json_text(yajl_val json, const char *name, const char *inner) {
    return YAJL_GET_STRING(look(json, name, inner, yajl_t_string));
}

uint64_t json_number(yajl_val json, const char *name, const char *inner) {
    yajl_val value = look(json, name, inner, yajl_t_number);
    return value ? strtoull(YAJL_GET_NUMBER(value), NULL, 10) : 0;
}

bool json_true(yajl_val json, const char *name) {
    return look(json, name, NULL, yajl_t_true) != NULL;
}

static int sextet(char c) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? (int)(at - letters) : -1;
}

size_t json_base64(const char *text, unsigned char *out) {
    size_t length = 0;
    unsigned bits = 0, count = 0;
    for (int value; (value = sextet(*text)) >= 0; text++) {
        bits = bits << 6 | (unsigned)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[length++] = (unsigned char)(bits >> count);
        }
    }
    return length;
}

uint64_t json_time(const char *text) {
    struct tm utc = {0};
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &utc) : NULL;
    uint64_t fraction = 0;
    if (!rest) {
        return 0;
    }
    int decimals = 0;
    if (*rest == '.') {
        for (rest++; *rest >= '0' && *rest <= '9' && decimals < DECIMALS; rest++, decimals++) {
            fraction = fraction * 10 + (uint64_t)(*rest - '0');
        }
    }
    for (; decimals < DECIMALS; decimals++) {
        fraction *= 10;
    }
    return (uint64_t)timegm(&utc) * 1000000000 + fraction;
}
