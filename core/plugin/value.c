// SPDX-License-Identifier: MIT
#include "plugin/value.h"

#include <string.h>

#include "config/units.h"
#include "util/buf.h"
#include "wshub/option.h"

struct kind {
    const char *name, *expected;
    bool (*parse)(const struct kind *kind, const struct wshub_option *option, const char *text,
                  uint64_t *number);
    void (*put_range)(const struct kind *kind, const struct wshub_option *option, const char *before,
                      struct buf *out);
    enum unit unit;
};

static bool parse_text(const struct kind *kind, const struct wshub_option *option, const char *text,
                       uint64_t *number) {
    (void)kind, (void)option, (void)text;
    *number = 0;
    return true;
}

static bool parse_word(const struct kind *kind, const struct wshub_option *option, const char *text,
                       uint64_t *number) {
    (void)kind;
    size_t length = strlen(text);
    *number = 0;
    for (const char *word = option->words; *word; (*number)++) {
        size_t here = strcspn(word, "|");
        if (here == length && memcmp(word, text, length) == 0) {
            return length > 0;
        }
        word += here + (word[here] == '|');
    }
    return false;
}

static bool parse_bool(const struct kind *kind, const struct wshub_option *option, const char *text,
                       uint64_t *number) {
    (void)kind, (void)option;
    *number = strcmp(text, "true") == 0;
    return *number || strcmp(text, "false") == 0;
}

static bool has_range(const struct wshub_option *option) {
    return option->low != 0 || option->high != 0;
}

static bool parse_number(const struct kind *kind, const struct wshub_option *option, const char *text,
                         uint64_t *number) {
    return units_parse(kind->unit, text, number) &&
           (!has_range(option) || (*number >= option->low && *number <= option->high));
}

static void put_nothing(const struct kind *kind, const struct wshub_option *option, const char *before,
                        struct buf *out) {
    (void)kind, (void)option, (void)before, (void)out;
}

static void put_words(const struct kind *kind, const struct wshub_option *option, const char *before,
                      struct buf *out) {
    (void)kind, (void)before;
    for (const char *word = option->words; *word;) {
        size_t here = strcspn(word, "|");
        buf_printf(out, "%s%.*s", word == option->words ? " " : ", ", (int)here, word);
        word += here + (word[here] == '|');
    }
}

static void put_range(const struct kind *kind, const struct wshub_option *option, const char *before,
                      struct buf *out) {
    char low[UNITS_TEXT_SIZE], high[UNITS_TEXT_SIZE];
    if (has_range(option)) {
        units_format(kind->unit, option->low, low);
        units_format(kind->unit, option->high, high);
        buf_printf(out, ",%s %s to %s", before, low, high);
    }
}

static const struct kind kinds[] = {
    [WSHUB_OPTION_TEXT] = {"text", "a text", parse_text, put_nothing, UNIT_NONE},
    [WSHUB_OPTION_WORD] = {"one of", "one of", parse_word, put_words, UNIT_NONE},
    [WSHUB_OPTION_BOOL] = {"true or false", "true or false", parse_bool, put_nothing, UNIT_NONE},
    [WSHUB_OPTION_NUMBER] = {"number", "a whole number", parse_number, put_range, UNIT_NONE},
    [WSHUB_OPTION_DURATION] = {"duration", "a duration such as 10s", parse_number, put_range, UNIT_DURATION},
    [WSHUB_OPTION_SIZE] = {"size", "a size such as 64KiB", parse_number, put_range, UNIT_SIZE},
};

bool value_type_is_known(uint32_t type) {
    return type < sizeof kinds / sizeof *kinds;
}

bool value_parse(const struct wshub_option *option, const char *text, uint64_t *number) {
    const struct kind *kind = &kinds[option->type];
    return kind->parse(kind, option, text, number);
}

void value_expect(const struct wshub_option *option, struct buf *out) {
    const struct kind *kind = &kinds[option->type];
    buf_puts(out, kind->expected);
    kind->put_range(kind, option, " from", out);
}

void value_describe(const struct wshub_option *option, struct buf *out) {
    const struct kind *kind = &kinds[option->type];
    buf_puts(out, kind->name);
    kind->put_range(kind, option, "", out);
}

void value_show(const struct wshub_option *option, const char *text, struct buf *out) {
    if (option->type == WSHUB_OPTION_TEXT) {
        buf_json_string(out, text, strlen(text));
    } else {
        buf_puts(out, text);
    }
}
