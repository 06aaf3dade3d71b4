// SPDX-License-Identifier: MIT
// A configuration as a table of keys: what each is called, of which type, where its value goes, its default,
// its range and its help. One function reads a map by such a table; keys that no table has are refused with
// the nearest known.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/units.h"

struct buf;
struct key;
struct node;
struct report;

// How one kind of value is read and described.
struct type {
    // Sets the key's field in `base`, or reports. What it has set by then is config_free's to free either
    // way.
    void (*read)(const struct key *key, struct node *node, void *base, struct report *report);
    // What messages and help call a right value: "a size such as 64KiB, from 128B to 16MiB".
    void (*expect)(const struct key *key, struct buf *out);
    // The short form of it for a line of help: "128B to 16MiB". NULL: the key's help says it all.
    void (*range)(const struct key *key, struct buf *out);
    enum unit unit; // of the numbers
};

struct word { // a table of them ends with one without text
    const char *text;
    uint64_t value;
    bool unnamed; // accepted, but not among those that messages name
};

struct form { // what a text must look like
    // False: *why may be set to a constant phrase.
    bool (*fits)(const char *text, const char **why);
    const char *expected;
    bool secret; // no message shows it
};

struct key { // a table of them ends with one without a name
    const char *name;
    const struct type *type;
    size_t offset;        // of the field in what the table describes
    const char *fallback; // the default, as YAML; NULL: the field stays zero
    const char *sample;   // without a default: a value to show
    const char *help;
    uint64_t low, high; // of a number, or of the entries in a list
    const struct word *words;
    const struct form *form;
    const struct key *keys; // of a section, or of each entry in a list
    bool required;          // in its map; has no default
    bool apart;             // the sample needs another place of the file to fit: shown as a comment
    bool secret;            // no message shows what stands here in place of a section or a list
};

// Reads `map` into `base` by the table; a key that is not there gets its default, so do all when `map` is
// NULL.
void keys_read(const struct key *keys, struct node *map, void *base, struct report *report);
// Says that the node is not what the key expects.
void key_refuse(const struct key *key, struct node *node, struct report *report);
