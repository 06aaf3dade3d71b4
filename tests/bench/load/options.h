// SPDX-License-Identifier: MIT
// The command line of the benchmark's programs: PROGRAM SCENARIO [--option NUMBER]..., described by a table.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct option {
    const char *name;
    size_t field;                 // offset of a uint64_t in the program's struct of values
    uint64_t least, most, unsaid; // `unsaid` under `least`: must be given
    const char *help;
};

struct options {
    const char *program;
    const struct option *all;
    size_t count;
};

// Fills `values` from argv[2] on. -1, with a line on stderr, when one is unknown, not a number or out of
// range.
int options_read(const struct options *options, void *values, int argc, char **argv);
void options_help(const struct options *options, FILE *out);
