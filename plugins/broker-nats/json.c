/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <stdarg.h>
#include <stdio.h>
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

/* ---- writing ---- */

struct text {
    char *out;
    size_t length, size; /* what does not fit makes it as long as it may be */
};

__attribute__((format(printf, 2, 3))) static void print(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text->out + text->length, text->size - text->length, format, arguments);
    va_end(arguments);
    const bool fits = length >= 0 && (size_t)length < text->size - text->length;
    text->length = fits ? text->length + (size_t)length : text->size - 1;
}

static void put_string(struct text *text, const char *string) {
    print(text, "\"");
    for (; *string; string++) {
        const unsigned char c = (unsigned char)*string;
        print(text, c < ' ' ? "\\u%04x" : c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    print(text, "\"");
}

static void put(struct text *text, yajl_val value);

/* All members but `without`, if any; a comma behind each. */
static void put_members(struct text *text, yajl_val object, const char *without) {
    for (size_t i = 0; i < object->u.object.len; i++) {
        const char *key = object->u.object.keys[i];
        if (!without || strcmp(key, without) != 0) {
            put_string(text, key);
            print(text, ":");
            put(text, object->u.object.values[i]);
            print(text, ",");
        }
    }
}

static void put_values(struct text *text, yajl_val array) {
    for (size_t i = 0; i < array->u.array.len; i++) {
        put(text, array->u.array.values[i]);
        print(text, ",");
    }
}

/* Instead of the last comma. */
static void put_end(struct text *text, char bracket) {
    text->length -= text->length && text->out[text->length - 1] == ',';
    print(text, "%c", bracket);
}

/* By recursion: json_read takes nothing deep. */
static void put(struct text *text, yajl_val value) {
    switch (value->type) {
    case yajl_t_string:
        put_string(text, value->u.string);
        break;
    case yajl_t_number: /* as it was written */
        print(text, "%s", value->u.number.r);
        break;
    case yajl_t_object:
        print(text, "{");
        put_members(text, value, NULL);
        put_end(text, '}');
        break;
    case yajl_t_array:
        print(text, "[");
        put_values(text, value);
        put_end(text, ']');
        break;
    default:
        print(text, "%s",
              value->type == yajl_t_true    ? "true"
              : value->type == yajl_t_false ? "false"
                                            : "null");
        break;
    }
}

bool json_with_number(yajl_val json, const char *name, const char *member, uint64_t number, char *out,
                      size_t size) {
    struct text text = {.out = out, .size = size};
    yajl_val object = look(json, name, NULL, yajl_t_object);
    if (!object) {
        return false;
    }
    print(&text, "{");
    put_members(&text, object, member);
    put_string(&text, member);
    print(&text, ":%llu}", (unsigned long long)number);
    return text.length + 1 < size;
}

/* ---- texts ---- */

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
