/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "verbs.h"

/* ---- a text that grows, and leaves nothing behind where it was ---- */

void question_free(struct question *question) {
    if (question->text) {
        OPENSSL_cleanse(question->text, question->length);
        free(question->text);
    }
    *question = (struct question){0};
}

static bool reserve(struct question *question, size_t more) {
    if (question->failed || question->capacity - question->length >= more) {
        return !question->failed;
    }
    size_t capacity = 2 * (question->length + more) + 512;
    char *text = malloc(capacity);
    if (!text) {
        question->failed = true;
        return false;
    }
    struct question old = *question;
    if (old.length > 0) {
        memcpy(text, old.text, old.length);
    }
    question->text = text;
    question->capacity = capacity;
    question_free(&old);
    return true;
}

static void put(struct question *question, const char *bytes, size_t length) {
    if (length > 0 && reserve(question, length)) {
        memcpy(question->text + question->length, bytes, length);
        question->length += length;
    }
}

static void put_text(struct question *question, const char *text) {
    put(question, text, strlen(text));
}

/* ---- JSON (RFC 8259) ---- */

/* Bytes of the character at the beginning; 0: it is none (RFC 3629). */
static size_t utf8_length(const unsigned char *at, size_t left) {
    static const struct {
        unsigned char first, last, low, high; /* of the first byte; of the second */
        size_t length;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    size_t form = 0;
    while (form < sizeof forms / sizeof forms[0] && (at[0] < forms[form].first || at[0] > forms[form].last)) {
        form++;
    }
    if (form == sizeof forms / sizeof forms[0] || forms[form].length > left) {
        return 0;
    }
    for (size_t i = 1; i < forms[form].length; i++) {
        unsigned char low = i == 1 ? forms[form].low : 0x80, high = i == 1 ? forms[form].high : 0xbf;
        if (at[i] < low || at[i] > high) {
            return 0;
        }
    }
    return forms[form].length;
}

bool question_is_utf8(struct wshub_bytes bytes) {
    const unsigned char *at = bytes.data;
    for (size_t i = 0, length; i < bytes.length; i += length) {
        length = utf8_length(at + i, bytes.length - i);
        if (length == 0) {
            return false;
        }
    }
    return true;
}

static bool is_plain(unsigned char c) {
    return c >= ' ' && c != 0x7f && c != '"' && c != '\\';
}

static void put_escaped(struct question *question, unsigned char c) {
    char escaped[8];
    snprintf(escaped, sizeof escaped, c == '"' || c == '\\' ? "\\%c" : "\\u%04x", c);
    put_text(question, escaped);
}

/* What is not UTF-8 cannot stand in JSON: it becomes null, and no other value. */
static void put_value(struct question *question, struct wshub_bytes value) {
    const unsigned char *at = value.data, *end = at + value.length;
    if (!question_is_utf8(value)) {
        put_text(question, "null");
        return;
    }
    put_text(question, "\"");
    while (at < end) {
        const unsigned char *plain = at;
        while (at < end && is_plain(*at)) {
            at++;
        }
        put(question, (const char *)plain, (size_t)(at - plain));
        if (at < end) {
            put_escaped(question, *at++);
        }
    }
    put_text(question, "\"");
}

static void put_member(struct question *question, const char *name, struct wshub_bytes value) {
    put_text(question, ",\"");
    put_text(question, name);
    put_text(question, "\":");
    put_value(question, value);
}

/* ---- what is chosen ---- */

static bool is_listed(const char *list, struct wshub_bytes name, bool any_case) {
    static const char between[] = " ,\t";
    for (list += strspn(list, between); *list; list += strspn(list, between)) {
        size_t length = strcspn(list, between);
        if (length == name.length &&
            (any_case ? strncasecmp(list, name.data, length) == 0 : memcmp(list, name.data, length) == 0)) {
            return true;
        }
        list += length;
    }
    return false;
}

bool question_has_cookie(const struct question_chosen *chosen, const struct wshub_request *request) {
    for (uint64_t i = 0; i < request->cookie_count; i++) {
        if (is_listed(chosen->cookies, request->cookies[i].name, false)) {
            return true;
        }
    }
    return false;
}

/* A list of pairs, because a name may come twice: [["user-agent","curl"],...] */
static void put_pairs(struct question *question, const char *name, const char *list, bool any_case,
                      const struct wshub_pair *pairs, uint64_t count) {
    const char *between = "[";
    put_text(question, ",\"");
    put_text(question, name);
    put_text(question, "\":[");
    for (uint64_t i = 0; i < count; i++) {
        if (is_listed(list, pairs[i].name, any_case)) {
            put_text(question, between);
            put_value(question, pairs[i].name);
            put_text(question, ",");
            put_value(question, pairs[i].value);
            put_text(question, "]");
            between = ",[";
        }
    }
    put_text(question, "]");
}

/* ---- questions ---- */

static bool finish(struct question *question, struct wshub_bytes connection_id) {
    question->stable = question->length;
    put_member(question, "connection", connection_id);
    put_text(question, "}");
    if (question->failed) {
        question_free(question);
        return false;
    }
    return true;
}

bool question_connect(struct question *question, enum question_kind kind,
                      const struct question_chosen *chosen, const struct wshub_request *request) {
    *question = (struct question){0};
    put_text(question,
             kind == QUESTION_REFRESH ? "{\"question\":\"refresh\"" : "{\"question\":\"authenticate\"");
    put_member(question, "method", request->method);
    put_member(question, "path", request->path);
    put_member(question, "query", request->query);
    put_pairs(question, "headers", chosen->headers, true, request->headers, request->header_count);
    put_pairs(question, "cookies", chosen->cookies, false, request->cookies, request->cookie_count);
    put_member(question, "address", request->address);
    put_member(question, "protocol", request->protocol);
    if (request->token.length > 0) {
        put_member(question, "token", request->token);
    }
    return finish(question, request->connection_id);
}

bool question_operation(struct question *question, const struct wshub_operation *operation) {
    *question = (struct question){0};
    put_text(question, "{\"question\":\"authorize\",\"verb\":\"");
    put_text(question, verb_name(operation->verb));
    put_text(question, "\"");
    put_member(question, operation->verb == WSHUB_VERB_SEND ? "to" : "channel", operation->name);
    put_member(question, "user", operation->user);
    put_member(question, "token_id", operation->token_id);
    return finish(question, operation->connection_id);
}
