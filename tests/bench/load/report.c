// SPDX-License-Identifier: MIT
#include "load/report.h"

static void name_it(struct report *report, const char *name) {
    if (report->follows)
        fputc(',', report->out);
    if (name)
        fprintf(report->out, "\"%s\":", name);
    report->follows = true;
}

void report_begin(struct report *report, FILE *out) {
    *report = (struct report){.out = out};
    fputc('{', out);
}

void report_text(struct report *report, const char *name, const char *value) {
    name_it(report, name);
    fputc('"', report->out);
    for (const char *at = value; *at; at++) {
        if ((unsigned char)*at < ' ')
            fprintf(report->out, "\\u%04x", (unsigned)*at);
        else
            fprintf(report->out, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
    }
    fputc('"', report->out);
}

void report_number(struct report *report, const char *name, double value) {
    name_it(report, name);
    fprintf(report->out, "%.10g", value);
}

void report_open(struct report *report, const char *name) {
    name_it(report, name);
    fputc('{', report->out);
    report->follows = false;
}

void report_close(struct report *report) {
    fputc('}', report->out);
    report->follows = true;
}

void report_array(struct report *report, const char *name) {
    name_it(report, name);
    fputc('[', report->out);
    report->follows = false;
}

void report_array_end(struct report *report) {
    fputc(']', report->out);
    report->follows = true;
}

void report_end(struct report *report) {
    fputs("}\n", report->out);
}
