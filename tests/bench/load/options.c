// SPDX-License-Identifier: MIT
#include "load/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint64_t *value_of(void *values, const struct option *option) {
    return (uint64_t *)(void *)((char *)values + option->field);
}

static const struct option *find(const struct options *options, const char *name) {
    for (size_t i = 0; i < options->count; i++)
        if (strcmp(options->all[i].name, name) == 0)
            return &options->all[i];
    return NULL;
}

static int read_all(const struct options *options, void *values, int argc, char **argv) {
    for (int i = 2; i < argc; i += 2) {
        const struct option *option = find(options, argv[i]);
        char *end = NULL;
        if (option && i + 1 < argc)
            *value_of(values, option) = strtoull(argv[i + 1], &end, 10);
        if (!end || *end != '\0') {
            fprintf(stderr, "%s: %s: expected an option and a number\n", options->program, argv[i]);
            return -1;
        }
    }
    return 0;
}

int options_read(const struct options *options, void *values, int argc, char **argv) {
    for (size_t i = 0; i < options->count; i++)
        *value_of(values, &options->all[i]) = options->all[i].unsaid;
    if (read_all(options, values, argc, argv) < 0)
        return -1;
    for (size_t i = 0; i < options->count; i++) {
        const struct option *option = &options->all[i];
        uint64_t value = *value_of(values, option);
        if (value >= option->least && value <= option->most)
            continue;
        fprintf(stderr, "%s: %s: found %" PRIu64 ", expected %" PRIu64 " to %" PRIu64 "\n", options->program,
                option->name, value, option->least, option->most);
        return -1;
    }
    return 0;
}

void options_help(const struct options *options, FILE *out) {
    fprintf(out, "\noptions (least to most, default)\n");
    for (size_t i = 0; i < options->count; i++)
        fprintf(out, "  %-18s %s (%" PRIu64 " to %" PRIu64 ", %" PRIu64 ")\n", options->all[i].name,
                options->all[i].help, options->all[i].least, options->all[i].most, options->all[i].unsaid);
}
