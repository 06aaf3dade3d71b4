// SPDX-License-Identifier: MIT
#include "load/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void *field_of(void *values, size_t offset) {
    return (char *)values + offset;
}

static uint64_t *value_of(void *values, const struct option *option) {
    return field_of(values, option->field);
}

// How many words were taken: 0 when there is no such number, or it is none.
static int read_number(const struct options *options, void *values, const char *name, const char *value) {
    char *end = NULL;
    for (size_t i = 0; i < options->count && value; i++)
        if (strcmp(options->all[i].name, name) == 0)
            *value_of(values, &options->all[i]) = strtoull(value, &end, 10);
    return end && end != value && *end == '\0' ? 2 : 0;
}

static int read_text(const struct options *options, void *values, const char *name, const char *value) {
    for (size_t i = 0; i < options->text_count && value; i++)
        if (strcmp(options->texts[i].name, name) == 0) {
            *(const char **)field_of(values, options->texts[i].field) = value;
            return 2;
        }
    return 0;
}

static int read_switch(const struct options *options, void *values, const char *name) {
    if (strncmp(name, "--", 2) != 0)
        return 0;
    bool on = strncmp(name, "--no-", 5) != 0;
    for (size_t i = 0; i < options->switch_count; i++)
        if (strcmp(options->switches[i].name, name + (on ? 2 : 5)) == 0) {
            *(bool *)field_of(values, options->switches[i].field) = on;
            return 1;
        }
    return 0;
}

static int read_all(const struct options *options, void *values, int argc, char **argv) {
    for (int i = options->first, taken; i < argc; i += taken) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        taken = read_number(options, values, argv[i], value);
        taken = taken ? taken : read_text(options, values, argv[i], value);
        taken = taken ? taken : read_switch(options, values, argv[i]);
        if (!taken) {
            fprintf(stderr, "%s: %s: expected an option%s\n", options->program, argv[i],
                    options->texts ? ", and its value" : " and a number");
            return -1;
        }
    }
    return 0;
}

static void fill_in(const struct options *options, void *values) {
    for (size_t i = 0; i < options->count; i++)
        *value_of(values, &options->all[i]) = options->all[i].unsaid;
    for (size_t i = 0; i < options->text_count; i++)
        *(const char **)field_of(values, options->texts[i].field) = options->texts[i].unsaid;
    for (size_t i = 0; i < options->switch_count; i++)
        *(bool *)field_of(values, options->switches[i].field) = options->switches[i].unsaid;
}

int options_read(const struct options *options, void *values, int argc, char **argv) {
    fill_in(options, values);
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
    for (size_t i = 0; i < options->text_count; i++)
        fprintf(out, "  %-18s %s (%s)\n", options->texts[i].name, options->texts[i].help,
                options->texts[i].unsaid ? options->texts[i].unsaid : "none");
    for (size_t i = 0; i < options->switch_count; i++)
        fprintf(out, "  --%-16s %s (%s; --no-%s)\n", options->switches[i].name, options->switches[i].help,
                options->switches[i].unsaid ? "on" : "off", options->switches[i].name);
    for (size_t i = 0; i < options->count; i++)
        fprintf(out, "  %-18s %s (%" PRIu64 " to %" PRIu64 ", %" PRIu64 ")\n", options->all[i].name,
                options->all[i].help, options->all[i].least, options->all[i].most, options->all[i].unsaid);
}
