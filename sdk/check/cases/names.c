// SPDX-License-Identifier: MIT
#include "cases/names.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 255 };

// ---- a set ----

static bool make_room(struct names *names) {
    if (names->count < names->size) {
        return true;
    }
    size_t size = names->size ? names->size * 2 : 64;
    struct wshub_bytes *items = realloc(names->items, size * sizeof *items);
    if (!items) {
        return false;
    }
    names->items = items;
    names->size = size;
    return true;
}

void names_add(struct names *names, const void *data, size_t length) {
    if (length == 0 || length > MOST) {
        return;
    }
    char *copy = malloc(length);
    if (!copy || !make_room(names)) {
        free(copy);
        names->failed = true;
        return;
    }
    memcpy(copy, data, length);
    names->items[names->count++] = (struct wshub_bytes){copy, length};
}

static void add_text(struct names *names, const char *text) {
    names_add(names, text, strlen(text));
}

static void add_texts(struct names *names, const char *const *texts) {
    for (; *texts; texts++) {
        add_text(names, *texts);
    }
}

static int compare(const void *left, const void *right) {
    const struct wshub_bytes *a = left, *b = right;
    if (a->length != b->length) {
        return a->length < b->length ? -1 : 1;
    }
    return memcmp(a->data, b->data, a->length);
}

void names_settle(struct names *names) {
    size_t kept = 0;
    if (names->count == 0) {
        return;
    }
    qsort(names->items, names->count, sizeof *names->items, compare);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && compare(&names->items[kept - 1], &names->items[i]) == 0) {
            free((void *)(uintptr_t)names->items[i].data);
        } else {
            names->items[kept++] = names->items[i];
        }
    }
    names->count = kept;
}

bool names_have(const struct names *names, struct wshub_bytes name) {
    return names->count && bsearch(&name, names->items, names->count, sizeof *names->items, compare);
}

void names_free(struct names *names) {
    for (size_t i = 0; i < names->count; i++) {
        free((void *)(uintptr_t)names->items[i].data);
    }
    free(names->items);
    *names = (struct names){0};
}

// ---- families ----

void names_add_ascii(struct names *names) {
    for (int c = 0x20; c < 0x7F; c++) {
        const char shapes[][4] = {
            {(char)c}, {(char)c, (char)c}, {(char)c, 'n'}, {'n', (char)c}, {'n', (char)c, 'n'}};
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            add_text(names, shapes[i]);
        }
    }
}

void names_add_wildcards(struct names *names) {
    static const char *const texts[] = {
        // Redis: glob patterns, keyspace events
        "*", "**", "?", "[ab]", "[a-z]", "[^a]", "\\*", "a*", "a?", "a[bc]", "h?llo", "h*llo", "news.*",
        "__keyspace@0__:x", "__keyspace@*__:*", "__keyevent@0__:expired", "{a}:b", "{b}:a",
        // NATS: tokens and wildcards, inboxes, JetStream
        ">", ">>", "a.>", "a.*", "*.b", "a.*.c", "a.b", "a.b.c", ".", "..", ".a", "a.", "a..b", "_INBOX.x",
        "_INBOX.>", "$JS.API.INFO", "$KV.b.k", "$SYS.ACCOUNT.x", "$SYS.>",
        // MQTT: levels and wildcards, the server's own topics, shared subscriptions
        "#", "+", "/", "//", "/a", "a/", "a/b", "a//b", "a/#", "a/+", "+/b", "+/+", "a/+/c", "a/b/c", "$SYS",
        "$SYS/broker/uptime", "$SYS/#", "$share/a/b", "$share/g/a/b", "$queue/a", "$a", "a/$b",
        // AMQP, Kafka, SQL, paths, URLs
        "a.#", "#.b", "a.*.#", "__consumer_offsets", "a-0", "a_b", "a%b", "a' OR '1'='1", "a;b", "a,b", "a|b",
        "../a", "./a", "a/../b", "~", "C:\\a", "a?b=c&d=e#f", "http://a/b", "a@b", "<a>", "&amp;", "$(a)",
        "`a`", "${a}",
        // words that something may take for its own
        "null", "true", "0", "-1", "1e3", "{}", "[]", "\"\"", "\"a\"", "a b", "a  b", " a", "a ", " ", "  ",
        "PING", "subscribe", "wshub", "ws:conn:x", "ws:instance:x", NULL};
    add_texts(names, texts);
}

// "a", "ab", "abc", ..., also with separators; and each in other case.
void names_add_prefixes(struct names *names) {
    static const char *const texts[] = {
        "Chat",         "CHAT",        "chat",        "cHAT",         "chat:",
        "chat:room",    "chat:Room",   "chat:room:1", "chat:room:10", "chat:room:11",
        "chat:room:1:", "chat/room/1", "chat.room.1", "chat-room-1",  "chat_room_1",
        "chat room 1",  NULL};
    char stem[MOST + 1] = "";
    for (size_t i = 0; i < 64; i++) {
        stem[i] = (char)('a' + i % 26);
        add_text(names, stem);
        stem[i] = (char)('A' + i % 26);
        add_text(names, stem);
        stem[i] = (char)('a' + i % 26);
    }
    add_texts(names, texts);
}

static const char *const unicode[] = {
    // the ends of two, three and four bytes, and what is around the surrogates
    "\xC2\xA0", "\xC2\xA1", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80",
    // written in two ways: e with acute, A with ring, which is also the angstrom sign
    "\xC3\xA9", "e\xCC\x81", "\xC3\x89", "E\xCC\x81", "\xC3\x85", "A\xCC\x8A", "\xE2\x84\xAB",
    // letters whose other case is longer, or depends: sharp s, the i of Turkish, sigma
    "\xC3\x9F", "ss", "SS", "\xE1\xBA\x9E", "i", "I", "\xC4\xB0", "\xC4\xB1", "i\xCC\x87", "\xCF\x83",
    "\xCF\x82", "\xCE\xA3",
    // that look the same: a ligature, full width, Cyrillic
    "\xEF\xAC\x81", "fi", "\xEF\xBC\xA1", "A", "\xD0\x90",
    // not to be seen: no width, soft hyphen, joiner, byte order mark
    "nn", "n\xE2\x80\x8Bn", "n\xC2\xADn", "n\xE2\x80\x8Dn", "n", "\xEF\xBB\xBF", "\xEF\xBB\xBFn",
    "n\xEF\xBB\xBF",
    // right to left, and ends of lines and paragraphs
    "\xE2\x80\xAEn", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D",
    // no characters, and what stands for one that could not be read
    "\xEF\xB7\x90", "\xEF\xBF\xBE", "\xEF\xBF\xBF", "\xF0\x9F\xBF\xBE", "\xF4\x8F\xBF\xBF", "\xEF\xBF\xBD",
    // beyond 16 bits, and of several parts
    "\xE4\xBD\xA0\xE5\xA5\xBD", "\xF0\x9F\x90\x98", "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB", NULL};

void names_add_unicode(struct names *names) {
    add_texts(names, unicode);
}

// As often as `most` bytes hold it; of one byte also with another one at the end, and at both ends.
static void add_repeated(struct names *names, const char *unit, size_t most) {
    char name[MOST + 1];
    const size_t width = strlen(unit), whole = most - most % width;
    for (size_t i = 0; i < whole; i += width) {
        memcpy(name + i, unit, width);
    }
    memset(name + whole, 'x', most - whole); // no whole character fits any more
    names_add(names, name, most);
    if (width == 1) {
        memset(name + whole - 1, 'y', 1);
        names_add(names, name, most);
        name[0] = 'z';
        names_add(names, name, most);
    }
}

void names_add_long(struct names *names) {
    static const size_t lengths[] = {31,  32,  33,  63,  64,  65,  100, 127,
                                     128, 129, 191, 192, 193, 253, 254, 255};
    static const char *const units[] = {
        "a", "/", ".", " ", "*", "%", "\xC3\xA9", "\xE4\xBD\xA0", "\xF0\x9F\x90\x98"};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t k = 0; k < sizeof units / sizeof units[0]; k++) {
            add_repeated(names, units[k], lengths[i]);
        }
    }
}

// What may stand for the byte `c` in some scheme.
static void add_escaped(struct names *names, unsigned c) {
    static const char *const shapes[] = {"%%%02X",  "%%%02x",  "=%02X", "=%02x",    "_%02X",  "_%02x",
                                         "\\x%02X", "\\x%02x", "~%02X", "$%02X",    "$%02x",  "^%02X",
                                         "-%02X",   "-%02x",   ".%02X", "!%02x",    "x%02X",  "u%04X",
                                         "\\u%04x", "U+%04X",  "&#%u;", "%%25%02X", "=3D%02X"};
    char text[16];
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        // The shapes are the table's, and each takes one number.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, shapes[i], c);
#pragma GCC diagnostic pop
        add_text(names, text);
    }
    text[0] = (char)c;
    names_add(names, text, 1);
}

void names_add_escapes(struct names *names) {
    static const char special[] = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~An";
    static const char *const texts[] = {
        "+",     " ",      "%20",    "%2B",      "%",     "%%",    "%2", "%zz",    "%00", "=00", "=",
        "==",    "=2",     "_",      "__",       "_u",    "_5F_",  "\\", "\\\\",   "\\n", "\\0", "%25",
        "%2525", "%C3%A9", "=C3=A9", "\xC3\xA9", "xn--a", "&amp;", "&",  "%u00E9", NULL};
    for (const char *c = special; *c; c++) {
        add_escaped(names, (unsigned char)*c);
    }
    add_texts(names, texts);
}
