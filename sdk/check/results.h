// SPDX-License-Identifier: MIT
// What is said of a run: lines for people as the cases end, or one JSON object at the end.
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "cases.h"
#include "outcome.h"
#include "util/buf.h"

struct run;

struct results {
    FILE *file;
    bool json, colours;
    unsigned counts[VERDICTS];
    uint64_t seed;
    struct buf cases; // JSON
    struct buf about; // JSON of the plugin
    // Lines: cases in a row that are about a table which the plugin does not have, told as one.
    const char *foreign; // their group; NULL: none
    unsigned foreign_count;
    char foreign_text[128];
};

// `about`: what the case of about.h has said; NULL: it was not asked.
void results_begin(struct results *results, const struct run *run, const struct outcome *about);
// `heard`: stderr and log of the case, shown with a failure. Makes both fit to be shown.
void results_add(struct results *results, const struct case_at *at, struct outcome *outcome,
                 struct buf *heard);
// False: it could not be written.
bool results_end(struct results *results);

void results_list(FILE *file); // every case: group, name, about, needs
