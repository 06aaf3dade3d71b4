// SPDX-License-Identifier: MIT
// The errors of one reading: collected in any order, written sorted by where they stand. Each is one line,
//     name:line:column: path.of.key: found X, expected Y
// A value that came from the environment may be secret: it is never shown, only the variable's name.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct node;

// Beyond so many, errors are only counted: a file that is no configuration at all would otherwise fill the
// memory.
enum { REPORT_LINES_MAX = 1000 };

struct report_line {
    int line, column; // line 0: about the whole file
    size_t order;     // of arrival, among those at one place
    char *text;
};

struct report {
    const char *name; // what messages call the text
    struct report_line *lines;
    size_t count, capacity;
    size_t more; // left out
    bool no_memory;
};

void report_at(struct report *report, int line, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// About a node: the line begins with its path and stands at its value, or at its key; the node becomes
// `refused`.
void report_value(struct report *report, struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_key(struct report *report, struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// report_value with "found <the node's value>, expected <expected>".
void report_expected(struct report *report, struct node *node, const char *expected);
// Ends `text` with a NUL and gives it; without memory for it the report knows and it is "". The caller frees
// `text`.
const char *report_text(struct report *report, struct buf *text);
void report_no_memory(struct report *report);

// True while nothing was reported.
bool report_is_empty(const struct report *report);
// True when what comes now is only counted.
bool report_is_full(const struct report *report);
// Writes every line to `out` and frees them.
void report_finish(struct report *report, struct buf *out);

// How messages show a value: "64 Kib", a list, nothing, a value from ${NAME}. Long text is cut.
void report_show_value(struct buf *out, const struct node *node);
// A text in quotes, on one line; a long one is cut.
void report_show_text(struct buf *out, const char *text);
// A key as it is written, in quotes where it is an unusual one.
void report_show_key(struct buf *out, const char *key);
// `limits.message`, `brokers[0].name`; nothing for the root.
void report_show_path(struct buf *out, const struct node *node);
