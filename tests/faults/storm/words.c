// SPDX-License-Identifier: MIT
#include "storm/words.h"

#include <string.h>

struct scan {
    const char *at, *end;
};

static void skip_blanks(struct scan *scan) {
    while (scan->at < scan->end && strchr(" \t\r\n", *scan->at))
        scan->at++;
}

static bool take(struct scan *scan, char wanted) {
    skip_blanks(scan);
    if (scan->at == scan->end || *scan->at != wanted)
        return false;
    scan->at++;
    return true;
}

// From behind the opening quote; `word` is what stands before the closing one.
static bool string_rest(struct scan *scan, struct word *word) {
    word->at = scan->at;
    while (scan->at < scan->end && *scan->at != '"')
        scan->at += *scan->at == '\\' ? 2 : 1;
    if (scan->at >= scan->end)
        return false;
    word->length = (size_t)(scan->at++ - word->at);
    return true;
}

// An object or an array, with all that is in it.
static bool nested(struct scan *scan) {
    struct word ignored;
    int depth = 0;
    while (scan->at < scan->end) {
        char c = *scan->at++;
        if (c == '"' && !string_rest(scan, &ignored))
            return false;
        if (c == '{' || c == '[')
            depth++;
        if ((c == '}' || c == ']') && --depth == 0)
            return true;
    }
    return false;
}

static bool value(struct scan *scan, struct word *word) {
    if (take(scan, '"'))
        return string_rest(scan, word);
    if (scan->at == scan->end)
        return false;
    *word = (struct word){scan->at, 0};
    if (*scan->at == '{' || *scan->at == '[') {
        if (!nested(scan))
            return false;
    } else {
        while (scan->at < scan->end && !strchr(",}] \t\r\n", *scan->at))
            scan->at++;
    }
    word->length = (size_t)(scan->at - word->at);
    return word->length > 0;
}

typedef bool (*member_fn)(struct words *words, struct word name, struct word is);

static bool object(struct scan *scan, struct words *words, member_fn member) {
    struct word name, is;
    if (!take(scan, '{'))
        return false;
    if (take(scan, '}'))
        return true;
    do {
        if (!take(scan, '"') || !string_rest(scan, &name) || !take(scan, ':') || !value(scan, &is) ||
            !member(words, name, is))
            return false;
    } while (take(scan, ','));
    return take(scan, '}');
}

static bool in_position(struct words *words, struct word name, struct word is) {
    if (word_is(name, "epoch"))
        words->epoch = is;
    else if (word_is(name, "offset"))
        words->offset = is;
    return true;
}

static bool in_message(struct words *words, struct word name, struct word is) {
    static const struct {
        const char *name;
        size_t offset;
    } texts[] = {
        {"op", offsetof(struct words, op)},     {"id", offsetof(struct words, id)},
        {"data", offsetof(struct words, data)}, {"channel", offsetof(struct words, channel)},
        {"code", offsetof(struct words, code)}, {"offset", offsetof(struct words, offset)},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (word_is(name, texts[i].name)) {
            memcpy((char *)words + texts[i].offset, &is, sizeof is);
            return true;
        }
    if (word_is(name, "position"))
        return object(&(struct scan){is.at, is.at + is.length}, words, in_position);
    if (word_is(name, "retry"))
        words->retry = word_is(is, "true");
    if (word_is(name, "recovered")) {
        words->has_recovered = true;
        words->recovered = word_is(is, "true");
    }
    if (word_is(name, "reconnect_after_ms"))
        return word_number(is, &words->reconnect_after_ms);
    return true;
}

bool words_read(const char *text, size_t length, struct words *words) {
    struct scan scan = {text, text + length};
    *words = (struct words){0};
    if (!object(&scan, words, in_message))
        return false;
    skip_blanks(&scan);
    return scan.at == scan.end;
}

bool word_is(struct word word, const char *text) {
    return word.length == strlen(text) && memcmp(word.at, text, word.length) == 0;
}

bool word_number(struct word word, uint64_t *number) {
    *number = 0;
    if (word.length == 0 || word.length > 19)
        return false;
    for (size_t i = 0; i < word.length; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
        *number = *number * 10 + (uint64_t)(word.at[i] - '0');
    }
    return true;
}
