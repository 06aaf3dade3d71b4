/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool reply_is_error(const redisReply *reply) {
    return reply->type == REDIS_REPLY_ERROR;
}

bool reply_is_integer(const redisReply *reply) {
    return reply->type == REDIS_REPLY_INTEGER;
}

bool reply_is_string(const redisReply *reply) {
    return reply->type == REDIS_REPLY_STRING;
}

bool reply_is_nil(const redisReply *reply) {
    return reply->type == REDIS_REPLY_NIL;
}

static bool says(const redisReply *reply, const char *text) {
    return reply->len == strlen(text) && strncasecmp(reply->str, text, reply->len) == 0;
}

bool reply_is_status(const redisReply *reply, const char *text) {
    return reply->type == REDIS_REPLY_STATUS && says(reply, text);
}

bool reply_says(const redisReply *reply, const char *text) {
    return reply_is_string(reply) && says(reply, text);
}

bool reply_is_array(const redisReply *reply, size_t least) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < least) {
        return false;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        if (!reply->element[i]) {
            return false;
        }
    }
    return true;
}

struct wshub_bytes reply_bytes(const redisReply *reply) {
    return (struct wshub_bytes){reply->str, reply->len};
}

/* Redis' errors begin with a word that says their kind; most are plain ERR. */
static const struct error_kind {
    const char *word;
    enum wshub_status status;
    bool demotion;
} kinds[] = {
    {"NOPERM", WSHUB_DENIED, false},
    {"WRONGTYPE", WSHUB_INVALID, false},
    {"OOM", WSHUB_UNAVAILABLE, false},
    {"LOADING", WSHUB_UNAVAILABLE, false},
    {"READONLY", WSHUB_UNAVAILABLE, true},
    {"MASTERDOWN", WSHUB_UNAVAILABLE, true},
    {"CLUSTERDOWN", WSHUB_UNAVAILABLE, false},
    {"NOREPLICAS", WSHUB_UNAVAILABLE, false},
    {"MISCONF", WSHUB_UNAVAILABLE, false},
    {"BUSY", WSHUB_UNAVAILABLE, false},
    {"TRYAGAIN", WSHUB_UNAVAILABLE, false},
    {"NOAUTH", WSHUB_DENIED, false},
    {"MOVED", WSHUB_UNSUPPORTED, false},
    {"CROSSSLOT", WSHUB_UNSUPPORTED, false},
    {"ASK", WSHUB_UNSUPPORTED, false},
    {"ERR The user executing the script", WSHUB_DENIED, false}, /* what a script may not: 7.0 */
    {"ERR ACL failure in script:", WSHUB_DENIED, false},        /* 7.2 and newer */
};

static const struct error_kind *kind_of(const redisReply *reply) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t length = strlen(kinds[i].word);
        if (reply->len >= length && memcmp(reply->str, kinds[i].word, length) == 0 &&
            (reply->len == length || reply->str[length] == ' ')) {
            return &kinds[i];
        }
    }
    return NULL;
}

enum wshub_status reply_error_status(const redisReply *reply) {
    const struct error_kind *kind = kind_of(reply);
    return kind ? kind->status : WSHUB_INTERNAL;
}

bool reply_is_demotion(const redisReply *reply) {
    const struct error_kind *kind = kind_of(reply);
    return kind && kind->demotion;
}

bool reply_is_unwritable(const redisReply *reply) {
    const struct error_kind *kind = reply_is_error(reply) ? kind_of(reply) : NULL;
    return kind && strcmp(kind->word, "MISCONF") == 0;
}

void reply_error_text(const redisReply *reply, const char *prefix, char *out, size_t size) {
    enum { MOST = 160 };
    int length = reply->len < MOST ? (int)reply->len : MOST;
    snprintf(out, size, "%s: %.*s", prefix, length, reply->str);
    for (char *at = out; *at; at++) {
        if ((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7f) {
            *at = '?';
        }
    }
}
