// SPDX-License-Identifier: MIT
// One JSON object on one line, written as it grows. Names are ours and need no escaping; an element of an
// array has the name NULL.
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct report {
    FILE *out;
    bool follows; // a member stands before the next one
};

void report_begin(struct report *report, FILE *out);
void report_text(struct report *report, const char *name, const char *value);
void report_number(struct report *report, const char *name, double value);
void report_open(struct report *report, const char *name); // an object inside
void report_close(struct report *report);
void report_array(struct report *report, const char *name);
void report_array_end(struct report *report);
void report_end(struct report *report);
