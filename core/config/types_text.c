// SPDX-License-Identifier: MIT
// Texts of a certain form, and lists of them.
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/keys.h"
#include "config/report.h"
#include "config/tree.h"
#include "config/types.h"
#include "util/buf.h"

static void refuse(const struct form *form, struct node *node, const char *why, struct report *report) {
    struct buf expected = {0};
    node->secret |= form->secret;
    buf_puts(&expected, form->expected);
    if (why) {
        buf_printf(&expected, " (%s)", why);
    }
    report_expected(report, node, report_text(report, &expected));
    buf_free(&expected);
}

// A copy of the node's text. NULL: reported.
static char *take_text(const struct form *form, struct node *node, struct report *report) {
    const char *why = NULL;
    if (node->kind != NODE_TEXT || node_is_nothing(node) || !form->fits(node->text, &why)) {
        refuse(form, node, why, report);
        return NULL;
    }
    char *text = strdup(node->text);
    if (!text) {
        report_no_memory(report);
    }
    return text;
}

static void read_text(const struct key *key, struct node *node, void *base, struct report *report) {
    char **field = (char **)((char *)base + key->offset);
    *field = take_text(key->form, node, report);
}

static void expect_text(const struct key *key, struct buf *out) {
    buf_puts(out, key->form->expected);
}

static void append(const struct key *key, struct node *node, struct config_strings *strings,
                   struct report *report) {
    char *text = node->refused ? NULL : take_text(key->form, node, report);
    if (text) {
        strings->items[strings->count++] = text;
    }
}

static void read_texts(const struct key *key, struct node *node, void *base, struct report *report) {
    struct config_strings *strings = (struct config_strings *)((char *)base + key->offset);
    bool is_list = node->kind == NODE_LIST;
    if (node->kind == NODE_MAP || node_is_nothing(node)) {
        key_refuse(key, node, report);
        return;
    }
    if (is_list && (node->count < key->low || node->count > key->high)) {
        report_value(report, node, "found a list of %zu, expected one of %zu to %zu", node->count,
                     (size_t)key->low, (size_t)key->high);
        return;
    }
    strings->items = calloc(is_list ? node->count + 1 : 1, sizeof *strings->items); // never of no bytes
    if (!strings->items) {
        report_no_memory(report);
        return;
    }
    if (!is_list) {
        append(key, node, strings, report);
    }
    for (struct node *item = node->first; is_list && item; item = item->next) {
        append(key, item, strings, report);
    }
}

static void expect_texts(const struct key *key, struct buf *out) {
    buf_printf(out, "%s, or a list of them", key->form->expected);
}

const struct type type_text = {.read = read_text, .expect = expect_text};
const struct type type_texts = {.read = read_texts, .expect = expect_texts};
