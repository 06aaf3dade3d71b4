// SPDX-License-Identifier: MIT
// The command line of the benchmark's programs, PROGRAM SCENARIO [--option NUMBER]..., and of wshub-storm,
// which has no scenarios but texts and switches too: described by tables.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct option {
    const char *name;
    size_t field;                 // offset of a uint64_t in the program's struct of values
    uint64_t least, most, unsaid; // `unsaid` under `least`: must be given
    const char *help;
};

struct option_text {
    const char *name;
    size_t field; // offset of a const char *
    const char *unsaid, *help;
};

struct option_switch { // --NAME and --no-NAME
    const char *name;  // without its dashes
    size_t field;      // offset of a bool
    bool unsaid;
    const char *help;
};

struct options {
    const char *program;
    const struct option *all;
    size_t count;
    const struct option_text *texts;
    size_t text_count;
    const struct option_switch *switches;
    size_t switch_count;
    int first; // where they begin in argv
};

// Fills `values` from argv[first] on. -1, with a line on stderr, when one is unknown, not a number or out of
// range.
int options_read(const struct options *options, void *values, int argc, char **argv);
void options_help(const struct options *options, FILE *out);
