// SPDX-License-Identifier: MIT
#include "auth/told.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/json.h"
#include "util/span.h"
#include "util/utf8.h"

enum { TEXT_MAX = 255, INFO_MAX = 4096, GRANTS_MAX = 1024, PATTERNS_MAX = 64 * 1024, STRUCT_MAX = 4096 };
// Of ABI 1.2, the smallest there is.
#define SMALLEST (offsetof(struct wshub_identity, grant_count) + sizeof(uint64_t))

static bool wrong(char why[TOLD_WHY], const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(char why[TOLD_WHY], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, TOLD_WHY, format, args);
    va_end(args);
    return false;
}

// ---- the rules ----

// U+0080 to U+009F are control characters too.
static bool has_control(const unsigned char *at, size_t length) {
    for (size_t i = 0; i < length; i++) {
        bool second = at[i] == 0xC2 && i + 1 < length && at[i + 1] < 0xA0;
        if (at[i] < 0x20 || at[i] == 0x7F || second) {
            return true;
        }
    }
    return false;
}

static bool is_text(struct wshub_bytes text, const char *name, char why[TOLD_WHY]) {
    if (text.length > 0 && !text.data) {
        return wrong(why, "%s of %zu bytes at NULL", name, text.length);
    }
    if (text.length > TEXT_MAX) {
        return wrong(why, "%s of %zu bytes, expected at most %d", name, text.length, TEXT_MAX);
    }
    if (text.length > 0 && !utf8_is_valid(text.data, text.length)) {
        return wrong(why, "%s that is not UTF-8", name);
    }
    if (has_control(text.data, text.length)) {
        return wrong(why, "%s with a control character", name);
    }
    return true;
}

static bool is_info(struct wshub_bytes info, char why[TOLD_WHY]) {
    if (info.length == 0) {
        return true;
    }
    if (!info.data || info.length > INFO_MAX) {
        return wrong(why, "info of %zu bytes%s, expected at most %d", info.length,
                     info.data ? "" : " at NULL", INFO_MAX);
    }
    struct span value;
    struct json_reader *reader = json_reader_new();
    enum json_result result =
        reader ? json_read_value(reader, info.data, info.length, &value) : JSON_NO_MEMORY;
    json_reader_free(reader);
    return result == JSON_OK || result == JSON_NO_MEMORY || wrong(why, "info that is not JSON");
}

static bool are_grants(const struct wshub_identity *wide, char why[TOLD_WHY]) {
    size_t bytes = 0;
    if (wide->grant_count > GRANTS_MAX) {
        return wrong(why, "%" PRIu64 " grants, expected at most %d", wide->grant_count, GRANTS_MAX);
    }
    if (wide->grant_count > 0 && !wide->grants) {
        return wrong(why, "%" PRIu64 " grants at NULL", wide->grant_count);
    }
    for (uint64_t i = 0; i < wide->grant_count; i++) {
        const struct wshub_bytes pattern = wide->grants[i].pattern;
        char name[48];
        snprintf(name, sizeof name, "grant %" PRIu64 " with a pattern", i + 1);
        if (pattern.length == 0) {
            return wrong(why, "%s of no bytes, expected 1 to %d", name, TEXT_MAX);
        }
        if (!is_text(pattern, name, why)) {
            return false;
        }
        bytes += pattern.length;
    }
    return bytes <= PATTERNS_MAX ||
           wrong(why, "patterns of %zu bytes together, expected at most %d", bytes, PATTERNS_MAX);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static bool are_times(const struct wshub_identity *wide, char why[TOLD_WHY]) {
    uint64_t here = now();
    if (wide->expires > 0 && wide->expires <= here) {
        return wrong(why, "an end that passed %" PRIu64 " ms ago: complete with WSHUB_EXPIRED instead%s",
                     here - wide->expires,
                     wide->expires < here / 100 ? " (times are milliseconds since 1970)" : "");
    }
    return true;
}

bool told_take(struct wshub_identity *wide, const struct wshub_identity *theirs, char why[TOLD_WHY]) {
    uint32_t size = theirs ? theirs->struct_size : 0;
    *wide = (struct wshub_identity){0};
    if (size < SMALLEST || size > STRUCT_MAX) {
        return wrong(why, "an identity with struct_size %" PRIu32 ": set it to sizeof(struct wshub_identity)",
                     size);
    }
    memcpy(wide, theirs, size < sizeof *wide ? size : sizeof *wide);
    wide->struct_size = sizeof *wide;
    return is_text(wide->user, "a user", why) && is_text(wide->token_id, "a token_id", why) &&
           is_info(wide->info, why) && are_grants(wide, why) && are_times(wide, why);
}

// ---- copies ----

static struct wshub_bytes put(char **next, struct wshub_bytes bytes) {
    struct wshub_bytes copy = {*next, bytes.length};
    if (bytes.length > 0) {
        memcpy(*next, bytes.data, bytes.length);
    }
    *next += bytes.length;
    return copy;
}

struct told *told_copy(const struct wshub_identity *wide) {
    size_t grants = wide->grant_count * sizeof *wide->grants, bytes = 0;
    for (uint64_t i = 0; i < wide->grant_count; i++) {
        bytes += wide->grants[i].pattern.length;
    }
    bytes += wide->user.length + wide->token_id.length + wide->info.length;
    struct told *told = malloc(sizeof *told + grants + bytes);
    if (!told) {
        return NULL;
    }
    struct wshub_grant *copies = (struct wshub_grant *)(void *)told->bytes;
    char *next = told->bytes + grants;
    told->identity = *wide;
    told->identity.user = put(&next, wide->user);
    told->identity.token_id = put(&next, wide->token_id);
    told->identity.info = put(&next, wide->info);
    told->identity.grants = copies;
    for (uint64_t i = 0; i < wide->grant_count; i++) {
        copies[i] = wide->grants[i];
        copies[i].pattern = put(&next, wide->grants[i].pattern);
    }
    return told;
}

// ---- comparing ----

static bool is_equal(struct wshub_bytes a, struct wshub_bytes b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static bool is_same_grant(const struct wshub_grant *a, const struct wshub_grant *b) {
    return is_equal(a->pattern, b->pattern) && a->verbs == b->verbs && a->flags == b->flags;
}

static bool has_grant(const struct wshub_identity *in, const struct wshub_grant *grant) {
    for (uint64_t i = 0; i < in->grant_count; i++) {
        if (is_same_grant(&in->grants[i], grant)) {
            return true;
        }
    }
    return false;
}

static bool has_same_grants(const struct wshub_identity *a, const struct wshub_identity *b) {
    bool same = a->grant_count == b->grant_count;
    for (uint64_t i = 0; same && i < a->grant_count; i++) { // mostly in the same order
        same = is_same_grant(&a->grants[i], &b->grants[i]) || has_grant(b, &a->grants[i]);
    }
    return same;
}

bool told_is_same(const struct told *first, const struct told *second, char why[TOLD_WHY]) {
    const struct wshub_identity *a = &first->identity, *b = &second->identity;
    const struct {
        bool same;
        const char *name;
    } parts[] = {
        {is_equal(a->user, b->user), "user"},      {is_equal(a->token_id, b->token_id), "token_id"},
        {is_equal(a->info, b->info), "info"},      {a->ask == b->ask, "ask"},
        {!a->issued == !b->issued, "issued"},      {!a->expires == !b->expires, "expires"},
        {has_same_grants(a, b), "list of grants"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!parts[i].same) {
            return wrong(why, "another %s", parts[i].name);
        }
    }
    return true;
}
