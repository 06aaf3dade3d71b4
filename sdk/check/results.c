// SPDX-License-Identifier: MIT
#include "results.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "check_priv.h"
#include "clean.h"
#include "plugin/capabilities.h"

enum { NAME_WIDTH = 26, HEARD_LINES = 12, WIDTH = 80, INDENT = 8 };

static const char *const colours[VERDICTS] = {
    [VERDICT_PASS] = "\x1b[32m", [VERDICT_WARNING] = "\x1b[33m", [VERDICT_SKIPPED] = "\x1b[90m",
    [VERDICT_FAIL] = "\x1b[31m", [VERDICT_CRASHED] = "\x1b[31m",
};

static void put_text(struct buf *out, const char *name, const char *text) {
    buf_printf(out, "\"%s\":", name);
    buf_json_string(out, text, strlen(text));
}

// JSON has no infinities.
static void put_number(struct buf *out, double value) {
    buf_printf(out, "%.*g", 10, isfinite(value) ? value : 0.0);
}

// ---- lines ----

static void indent(FILE *file, const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t here = end ? (size_t)(end - text) - at : length - at;
        fprintf(file, "        %.*s\n", (int)here, text + at);
        at += here + 1;
    }
}

// How much of a line fits, up to a blank; a word that is longer is not broken.
static size_t fitting(const char *text, size_t length) {
    size_t end = 0;
    if (length <= WIDTH - INDENT) {
        return length;
    }
    for (size_t i = 1; i < length && (i <= WIDTH - INDENT || end == 0); i++) {
        end = text[i] == ' ' ? i : end;
    }
    return end > 0 ? end : length;
}

static void put_wrapped(FILE *file, const char *text) {
    while (*text) {
        size_t line = strcspn(text, "\n"), here = fitting(text, line);
        indent(file, text, here);
        text += here + (text[here] != '\0'); // the blank, or the line feed
    }
}

// Where the last lines begin of what the case has written.
static size_t last_lines(const struct buf *heard) {
    size_t from = heard->length, lines = 0;
    while (from > 0 && (heard->data[from - 1] != '\n' || lines++ < HEARD_LINES)) {
        from--;
    }
    return from;
}

static void put_heard(FILE *file, const struct buf *heard) {
    size_t from = last_lines(heard);
    if (heard->length > 0) {
        fprintf(file, "      it wrote%s:\n", from > 0 ? ", at the end" : "");
        indent(file, heard->data + from, heard->length - from);
    }
}

static void put_figures(FILE *file, const struct outcome *outcome) {
    struct buf line = {0};
    for (size_t i = 0; i < outcome->figure_count; i++) {
        const struct figure *figure = &outcome->figures[i];
        buf_printf(&line, "%s%s %.4g%s%s", i == 0 ? "" : ", ", figure->name, figure->value,
                   figure->unit[0] ? " " : "", figure->unit);
    }
    buf_append(&line, "", 1);
    put_wrapped(file, line.failed ? "" : line.data);
    buf_free(&line);
}

static void put_line(const struct results *results, const struct case_at *at, const struct outcome *outcome,
                     const struct buf *heard) {
    FILE *file = results->file;
    const char *colour = results->colours ? colours[outcome->verdict] : "";
    fprintf(file, "  %-10s %-*s %s%-7s%s %6.2f s", at->group->name, NAME_WIDTH, at->item->name, colour,
            verdict_names[outcome->verdict], results->colours ? "\x1b[0m" : "",
            (double)outcome->milliseconds / 1e3);
    fputs("\n", file);
    put_wrapped(file, outcome->text);
    put_figures(file, outcome);
    if (outcome->verdict >= VERDICT_FAIL) {
        put_heard(file, heard);
    }
    fflush(file);
}

static void put_foreign(struct results *results) {
    if (results->foreign) {
        const char *colour = results->colours ? colours[VERDICT_SKIPPED] : "";
        fprintf(results->file, "  %-10s %-3u %-*s %s%-7s%s\n        %s\n", results->foreign,
                results->foreign_count, NAME_WIDTH - 4, "cases", colour, verdict_names[VERDICT_SKIPPED],
                results->colours ? "\x1b[0m" : "", results->foreign_text);
        fflush(results->file); // the next case is a copy of this process
        results->foreign = NULL;
    }
}

static void add_foreign(struct results *results, const struct case_at *at, const struct outcome *outcome) {
    if (results->foreign && strcmp(results->foreign, at->group->name) != 0) {
        put_foreign(results);
    }
    results->foreign_count = results->foreign ? results->foreign_count + 1 : 1;
    results->foreign = at->group->name;
    snprintf(results->foreign_text, sizeof results->foreign_text, "%.*s",
             (int)sizeof results->foreign_text - 1, outcome->text);
}

// ---- JSON ----

static void put_case(struct buf *out, const struct case_at *at, const struct outcome *outcome,
                     const struct buf *heard) {
    buf_puts(out, out->length > 0 ? ",\n  {" : "\n  {");
    put_text(out, "group", at->group->name);
    buf_puts(out, ",");
    put_text(out, "name", at->item->name);
    buf_puts(out, ",");
    put_text(out, "about", at->item->about);
    buf_puts(out, ",");
    put_text(out, "verdict", verdict_names[outcome->verdict]);
    buf_puts(out, ",");
    put_text(out, "text", outcome->text);
    buf_puts(out, ",\"figures\":[");
    for (size_t i = 0; i < outcome->figure_count; i++) {
        buf_puts(out, i == 0 ? "{" : ",{");
        put_text(out, "name", outcome->figures[i].name);
        buf_puts(out, ",\"value\":");
        put_number(out, outcome->figures[i].value);
        buf_puts(out, ",");
        put_text(out, "unit", outcome->figures[i].unit);
        buf_puts(out, "}");
    }
    buf_printf(out, "],\"milliseconds\":%" PRIu64, outcome->milliseconds);
    if (outcome->verdict >= VERDICT_FAIL) {
        size_t from = last_lines(heard);
        buf_puts(out, ",\"wrote\":");
        buf_json_string(out, heard->length ? heard->data + from : "", heard->length - from);
    }
    buf_puts(out, "}");
}

// ---- a run ----

void results_begin(struct results *results, const struct run *run, const struct outcome *about) {
    struct buf *text = &results->about;
    results->seed = run->seed;
    buf_puts(text, about ? about->text : results->json ? "null" : run->plugin);
    clean_text(text->data, text->length); // it has the plugin's path, which may be any bytes
    if (!results->json) {
        fprintf(results->file, "%.*s, seed %" PRIu64 "\n", (int)text->length, text->length ? text->data : "",
                run->seed);
        fflush(results->file);
    }
}

void results_add(struct results *results, const struct case_at *at, struct outcome *outcome,
                 struct buf *heard) {
    clean_text(outcome->text, strlen(outcome->text));
    clean_text(heard->data, heard->length);
    results->counts[outcome->verdict]++;
    if (results->json) {
        put_case(&results->cases, at, outcome, heard);
    } else if (outcome->foreign) {
        add_foreign(results, at, outcome);
    } else {
        put_foreign(results);
        put_line(results, at, outcome, heard);
    }
}

bool results_end(struct results *results) {
    FILE *file = results->file;
    bool ok = !results->cases.failed && !results->about.failed;
    put_foreign(results);
    if (results->json) {
        fprintf(file, "{\"plugin\":%.*s,\"seed\":%" PRIu64 ",\"cases\":[%.*s\n],\"counts\":{",
                (int)results->about.length, results->about.length ? results->about.data : "", results->seed,
                (int)results->cases.length, results->cases.length ? results->cases.data : "");
    }
    for (int verdict = 0; verdict < VERDICTS; verdict++) {
        fprintf(file, results->json ? "%s\"%s\":%u" : "%s%s %u",
                verdict == 0    ? ""
                : results->json ? ","
                                : ", ",
                verdict_names[verdict], results->counts[verdict]);
    }
    fputs(results->json ? "}}\n" : "\n", file);
    buf_free(&results->cases);
    buf_free(&results->about);
    return fflush(file) == 0 && ok;
}

// ---- the list ----

static const struct {
    uint32_t bit;
    const char *name;
    const char *of_auth; // NULL: the same
} needs[] = {
    {NEEDS_STOP, "broker.stop", "backend.stop"},
    {NEEDS_PAUSE, "broker.pause", "backend.pause"},
    {NEEDS_RESTART, "broker.restart", "backend.restart"},
    {NEEDS_RELAY, "broker.address", "backend.address"},
    {NEEDS_YES, "requests", NULL},
    {NEEDS_CHANGE, "reload.change", NULL},
    {NEEDS_SPOIL, "reload.spoil", NULL},
    {NEEDS_MALLOC, "no sanitizer", NULL},
};

void results_list(FILE *file) {
    for (struct case_at at = {0}; cases_next(&at);) {
        const char *between = "  (needs ";
        fprintf(file, "%-10s %-*s %s", at.group->name, NAME_WIDTH, at.item->name, at.item->about);
        for (const struct capability *each = capabilities; each->name; each++) {
            if (at.item->capabilities & each->bit) {
                fprintf(file, "%s%s", between, each->name);
                between = ", ";
            }
        }
        for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
            if (at.item->needs & needs[i].bit) {
                bool is_auth = at.group->table == TABLE_AUTH && needs[i].of_auth;
                fprintf(file, "%s%s", between, is_auth ? needs[i].of_auth : needs[i].name);
                between = ", ";
            }
        }
        fputs(between[0] == ',' ? ")\n" : "\n", file);
    }
}
