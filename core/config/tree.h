// SPDX-License-Identifier: MIT
// A YAML text as a tree of nodes that know where they stand. tree.c is the only file that knows libyaml. What
// a configuration has no use for is refused here: aliases, tags, several documents, deep nesting, doubled
// keys.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct report;

enum { TREE_BYTES_MAX = 1024 * 1024, TREE_DEPTH_MAX = 16 };

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool plain;       // NODE_TEXT: written without quotes
    bool refused;     // an error about it stands in the report already
    int line, column; // of the value, from 1; 0 for a default
    char *key;        // its key in the map above, or NULL
    int key_line, key_column;
    char *text;     // NODE_TEXT: UTF-8 without NUL bytes; else NULL
    char *variable; // the environment variable that `text` came from; then it may be secret and is not to be
                    // shown
    bool secret;    // `text` is not to be shown
    size_t index;   // among the items of `parent`
    size_t count;   // of the items below
    struct node *parent, *first, *last, *next;
};

// NULL: the reason stands in the report. An empty text gives a node of which node_is_nothing is true.
struct node *tree_parse(const char *text, size_t length, struct report *report);
void tree_free(struct node *root);
// For a tree that comes from no file: sets every position to 0.
void tree_forget_positions(struct node *root);

// The item of `map` with that key. NULL: there is none, or `map` is NULL or no map.
struct node *node_child(const struct node *map, const char *key);
// A key without a value, `~` or `null`.
bool node_is_nothing(const struct node *node);
