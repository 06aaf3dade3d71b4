// SPDX-License-Identifier: MIT
#include "config/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/tree.h"
#include "util/buf.h"
#include "util/utf8.h"

enum { SHOWN_MAX = 64 };

void report_no_memory(struct report *report) {
    report->no_memory = true;
}

const char *report_text(struct report *report, struct buf *text) {
    buf_append(text, "", 1);
    if (text->failed) {
        report_no_memory(report);
        return "";
    }
    return text->data;
}

bool report_is_empty(const struct report *report) {
    return report->count == 0 && !report->no_memory;
}

bool report_is_full(const struct report *report) {
    return report->count >= REPORT_LINES_MAX;
}

void report_show_text(struct buf *out, const char *text) {
    size_t length = strlen(text);
    size_t shown = utf8_cut(text, length, SHOWN_MAX);
    buf_json_string(out, text, shown);
    if (shown < length) {
        buf_puts(out, "...");
    }
}

void report_show_value(struct buf *out, const struct node *node) {
    if (node->kind != NODE_TEXT) {
        buf_puts(out, node->kind == NODE_LIST ? "a list" : "a map");
    } else if (node->variable) {
        buf_printf(out, "a value from ${%s}", node->variable);
    } else if (node_is_nothing(node)) {
        buf_puts(out, "nothing");
    } else if (node->secret) {
        buf_puts(out, "a secret");
    } else {
        report_show_text(out, node->text);
    }
}

void report_show_key(struct buf *out, const char *key) {
    static const char usual[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    size_t length = strlen(key);
    if (length > 0 && length <= SHOWN_MAX && strspn(key, usual) == length) {
        buf_puts(out, key);
    } else {
        report_show_text(out, key);
    }
}

void report_show_path(struct buf *out, const struct node *node) {
    if (!node->parent) {
        return;
    }
    report_show_path(out, node->parent);
    if (node->parent->kind == NODE_LIST) {
        buf_printf(out, "[%zu]", node->index);
        return;
    }
    if (node->parent->parent) {
        buf_puts(out, ".");
    }
    report_show_key(out, node->key);
}

static bool make_room(struct report *report) {
    if (report->count < report->capacity) {
        return true;
    }
    size_t capacity = report->capacity ? report->capacity * 2 : 8;
    struct report_line *lines = realloc(report->lines, capacity * sizeof *lines);
    if (!lines) {
        return false;
    }
    report->lines = lines;
    report->capacity = capacity;
    return true;
}

// Takes `text`, what buf_free would free.
static void add(struct report *report, int line, int column, struct buf *text) {
    buf_append(text, "", 1);
    if (text->failed || !make_room(report)) {
        report_no_memory(report);
        buf_free(text);
        return;
    }
    report->lines[report->count] =
        (struct report_line){.line = line, .column = column, .order = report->count, .text = text->data};
    report->count++;
}

__attribute__((format(printf, 2, 0))) static void append_format(struct buf *out, const char *format,
                                                                va_list args) {
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0) {
        out->failed = true;
        return;
    }
    buf_puts(out, text);
    free(text);
}

// True when there is no room left for a line: then it is counted.
static bool only_count(struct report *report) {
    if (report_is_full(report)) {
        report->more++;
    }
    return report_is_full(report);
}

__attribute__((format(printf, 5, 0))) static void add_with_path(struct report *report, struct node *node,
                                                                int line, int column, const char *format,
                                                                va_list args) {
    node->refused = true;
    if (only_count(report)) {
        return;
    }
    struct buf text = {0};
    report_show_path(&text, node);
    if (text.length > 0) {
        buf_puts(&text, ": ");
    }
    append_format(&text, format, args);
    add(report, line, column, &text);
}

void report_at(struct report *report, int line, int column, const char *format, ...) {
    if (only_count(report)) {
        return;
    }
    struct buf text = {0};
    va_list args;
    va_start(args, format);
    append_format(&text, format, args);
    va_end(args);
    add(report, line, column, &text);
}

void report_value(struct report *report, struct node *node, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add_with_path(report, node, node->line, node->column, format, args);
    va_end(args);
}

void report_key(struct report *report, struct node *node, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add_with_path(report, node, node->key_line, node->key_column, format, args);
    va_end(args);
}

void report_expected(struct report *report, struct node *node, const char *expected) {
    struct buf found = {0};
    report_show_value(&found, node);
    report_value(report, node, "found %s, expected %s", report_text(report, &found), expected);
    buf_free(&found);
}

static int by_place(const void *a, const void *b) {
    const struct report_line *left = a, *right = b;
    if (left->line != right->line) {
        return left->line < right->line ? -1 : 1;
    }
    if (left->column != right->column) {
        return left->column < right->column ? -1 : 1;
    }
    return (left->order > right->order) - (left->order < right->order);
}

static void write_line(const struct report *report, const struct report_line *line, struct buf *out) {
    if (line->line > 0) {
        buf_printf(out, "%s:%d:%d: %s\n", report->name, line->line, line->column, line->text);
    } else {
        buf_printf(out, "%s: %s\n", report->name, line->text);
    }
}

void report_finish(struct report *report, struct buf *out) {
    if (report->count > 1) {
        qsort(report->lines, report->count, sizeof *report->lines, by_place);
    }
    for (size_t i = 0; i < report->count; i++) {
        write_line(report, &report->lines[i], out);
        free(report->lines[i].text);
    }
    if (report->more > 0) {
        buf_printf(out, "%s: found %zu errors more, which are not shown\n", report->name, report->more);
    }
    if (report->no_memory) {
        buf_printf(out, "%s: found no memory left to read the configuration\n", report->name);
    }
    free(report->lines);
    *report = (struct report){.name = report->name};
}
