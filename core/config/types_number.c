// SPDX-License-Identifier: MIT
// Numbers with and without a unit, words, and what is a word or a map.
#include <string.h>

#include "config/config.h"
#include "config/keys.h"
#include "config/report.h"
#include "config/tree.h"
#include "config/types.h"
#include "util/buf.h"

static const struct word *find_word(const struct key *key, const struct node *node) {
    for (const struct word *word = key->words; word && word->text && node->kind == NODE_TEXT; word++) {
        if (strcmp(word->text, node->text) == 0) {
            return word;
        }
    }
    return NULL;
}

static void read_number(const struct key *key, struct node *node, void *base, struct report *report) {
    uint64_t *field = (uint64_t *)((char *)base + key->offset);
    const struct word *word = find_word(key, node);
    uint64_t value;
    if (word) {
        *field = word->value;
    } else if (node->kind != NODE_TEXT || !units_parse(key->type->unit, node->text, &value) ||
               value < key->low || value > key->high) {
        key_refuse(key, node, report);
    } else {
        *field = value;
    }
}

static void put_number_words(const struct key *key, struct buf *out) {
    for (const struct word *word = key->words; word && word->text; word++) {
        buf_printf(out, "%s or ", word->text);
    }
}

static void put_range(const struct key *key, struct buf *out) {
    char low[UNITS_TEXT_SIZE], high[UNITS_TEXT_SIZE];
    units_format(key->type->unit, key->low, low);
    units_format(key->type->unit, key->high, high);
    put_number_words(key, out);
    buf_printf(out, "%s to %s", low, high);
}

static void expect_number(const struct key *key, struct buf *out) {
    static const char *const kinds[] = {
        [UNIT_NONE] = "a number",
        [UNIT_SIZE] = "a size such as 64KiB,",
        [UNIT_DURATION] = "a duration such as 10s,",
    };
    char low[UNITS_TEXT_SIZE], high[UNITS_TEXT_SIZE];
    units_format(key->type->unit, key->low, low);
    units_format(key->type->unit, key->high, high);
    put_number_words(key, out);
    buf_printf(out, "%s from %s to %s", kinds[key->type->unit], low, high);
}

_Static_assert(sizeof(enum config_page) == sizeof(unsigned), "a word is stored as an unsigned int");

static void read_word(const struct key *key, struct node *node, void *base, struct report *report) {
    const struct word *word = find_word(key, node);
    if (!word) {
        key_refuse(key, node, report);
        return;
    }
    unsigned value = (unsigned)word->value;
    memcpy((char *)base + key->offset, &value, sizeof value);
}

static void put_words(const struct key *key, struct buf *out) {
    for (const struct word *word = key->words; word->text; word++) {
        if (!word->unnamed) {
            buf_printf(out, "%s%s", word == key->words ? "" : ", ", word->text);
        }
    }
}

static void expect_word(const struct key *key, struct buf *out) {
    buf_puts(out, "one of ");
    put_words(key, out);
}

// A map says yes, and what its keys say in place of their defaults.
static void read_presence(const struct key *key, struct node *node, void *base, struct report *report) {
    if (node->kind == NODE_MAP) {
        keys_read(key->keys, node, base, report);
    } else {
        read_word(key, node, base, report);
    }
}

static void expect_presence(const struct key *key, struct buf *out) {
    expect_word(key, out);
    for (const struct key *inner = key->keys; inner->name; inner++) {
        buf_printf(out, "%s%s", inner == key->keys ? ", or a map of " : ", ", inner->name);
    }
}

const struct type type_number = {read_number, expect_number, put_range, UNIT_NONE};
const struct type type_size = {read_number, expect_number, put_range, UNIT_SIZE};
const struct type type_duration = {read_number, expect_number, put_range, UNIT_DURATION};
const struct type type_word = {.read = read_word, .expect = expect_word, .range = put_words};
const struct type type_presence = {.read = read_presence, .expect = expect_presence};
