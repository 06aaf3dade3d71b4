// SPDX-License-Identifier: MIT
#include "load/report.h"

static void name_it(struct report *report, const char *name) {
    fprintf(report->out, "%s\"%s\":", report->follows ? "," : "", name);
    report->follows = true;
}

void report_begin(struct report *report, FILE *out) {
    *report = (struct report){.out = out};
    fputc('{', out);
}

void report_text(struct report *report, const char *name, const char *value) {
    name_it(report, name);
    fprintf(report->out, "\"%s\"", value);
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

void report_end(struct report *report) {
    fputs("}\n", report->out);
}
