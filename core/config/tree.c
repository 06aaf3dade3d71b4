// SPDX-License-Identifier: MIT
#include "config/tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/report.h"

struct builder {
    struct report *report;
    struct node *root;
    struct node *open; // the list or map that is being filled
    size_t depth;
    char *key; // read, its value is still to come
    int key_line, key_column;
};

static int line_of(yaml_mark_t mark) {
    return (int)mark.line + 1;
}

static int column_of(yaml_mark_t mark) {
    return (int)mark.column + 1;
}

// `node` becomes the last item of what is open, under the key that waits.
static void attach(struct builder *builder, struct node *node) {
    node->key = builder->key;
    node->key_line = builder->key_line;
    node->key_column = builder->key_column;
    builder->key = NULL;
    node->parent = builder->open;
    if (!builder->open) {
        builder->root = node;
        return;
    }
    node->index = builder->open->count++;
    if (builder->open->last) {
        builder->open->last->next = node;
    } else {
        builder->open->first = node;
    }
    builder->open->last = node;
}

// NULL: no memory, which the report knows.
static struct node *add(struct builder *builder, enum node_kind kind, yaml_mark_t mark) {
    struct node *node = calloc(1, sizeof *node);
    if (!node) {
        report_no_memory(builder->report);
        return NULL;
    }
    node->kind = kind;
    node->line = line_of(mark);
    node->column = column_of(mark);
    attach(builder, node);
    return node;
}

static bool set_text(struct builder *builder, struct node *node, const char *text) {
    node->text = strdup(text);
    if (!node->text) {
        report_no_memory(builder->report);
    }
    return node->text != NULL;
}

static bool at_key(const struct builder *builder) {
    return builder->open && builder->open->kind == NODE_MAP && !builder->key;
}

static bool on_key(struct builder *builder, const yaml_event_t *event) {
    builder->key = strdup((const char *)event->data.scalar.value);
    if (!builder->key) {
        report_no_memory(builder->report);
        return false;
    }
    builder->key_line = line_of(event->start_mark);
    builder->key_column = column_of(event->start_mark);
    return true;
}

static void refuse_tag(struct builder *builder, struct node *node, const yaml_char_t *tag) {
    if (tag) {
        report_value(builder->report, node, "found a tag, expected a value without one");
    }
}

static bool on_scalar(struct builder *builder, const yaml_event_t *event) {
    const char *value = (const char *)event->data.scalar.value;
    if (memchr(value, '\0', event->data.scalar.length)) {
        report_at(builder->report, line_of(event->start_mark), column_of(event->start_mark),
                  "found a NUL byte in a text, expected none");
        return false;
    }
    if (at_key(builder)) {
        return on_key(builder, event);
    }
    struct node *node = add(builder, NODE_TEXT, event->start_mark);
    if (!node) {
        return false;
    }
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    refuse_tag(builder, node, event->data.scalar.tag);
    return set_text(builder, node, value);
}

// Aliases are refused, not followed: a configuration is short, and nothing can grow or loop that way.
static bool on_alias(struct builder *builder, const yaml_event_t *event) {
    if (at_key(builder)) {
        report_at(builder->report, line_of(event->start_mark), column_of(event->start_mark),
                  "found an alias as a key, expected a name");
        return false;
    }
    struct node *node = add(builder, NODE_TEXT, event->start_mark);
    if (!node || !set_text(builder, node, "")) {
        return false;
    }
    report_value(
        builder->report, node,
        "found the alias *%.64s, expected a value: aliases are not supported, and a text that starts "
        "with * stands in quotes",
        (const char *)event->data.alias.anchor);
    return true;
}

static bool open_container(struct builder *builder, enum node_kind kind, const yaml_event_t *event,
                           const yaml_char_t *tag) {
    int line = line_of(event->start_mark), column = column_of(event->start_mark);
    if (at_key(builder)) {
        report_at(builder->report, line, column, "found a %s as a key, expected a name",
                  kind == NODE_MAP ? "map" : "list");
        return false;
    }
    if (++builder->depth > TREE_DEPTH_MAX) {
        report_at(builder->report, line, column, "found more than %d levels of nesting, expected at most %d",
                  TREE_DEPTH_MAX, TREE_DEPTH_MAX);
        return false;
    }
    struct node *node = add(builder, kind, event->start_mark);
    if (!node) {
        return false;
    }
    refuse_tag(builder, node, tag);
    builder->open = node;
    return true;
}

static bool on_list(struct builder *builder, const yaml_event_t *event) {
    return open_container(builder, NODE_LIST, event, event->data.sequence_start.tag);
}

static bool on_map(struct builder *builder, const yaml_event_t *event) {
    return open_container(builder, NODE_MAP, event, event->data.mapping_start.tag);
}

static bool on_list_end(struct builder *builder, const yaml_event_t *event) {
    (void)event;
    builder->depth--;
    builder->open = builder->open->parent;
    return true;
}

static int by_key(const void *a, const void *b) {
    const struct node *left = *(struct node *const *)a, *right = *(struct node *const *)b;
    int order = strcmp(left->key, right->key);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

// Sorted, so that a map with very many keys is not compared each with each.
static bool refuse_doubles(struct builder *builder, struct node *map) {
    struct node **sorted = map->count > 1 ? malloc(map->count * sizeof(struct node *)) : NULL;
    if (!sorted) {
        if (map->count > 1) {
            report_no_memory(builder->report);
        }
        return map->count <= 1;
    }
    for (struct node *item = map->first; item; item = item->next) {
        sorted[item->index] = item;
    }
    qsort(sorted, map->count, sizeof(struct node *), by_key);
    const struct node *first = sorted[0];
    for (size_t i = 1; i < map->count; i++) {
        if (strcmp(first->key, sorted[i]->key) != 0) {
            first = sorted[i];
            continue;
        }
        report_key(builder->report, sorted[i],
                   "found a second time, expected once: it stands on line %d already", first->key_line);
    }
    free(sorted);
    return true;
}

static bool on_map_end(struct builder *builder, const yaml_event_t *event) {
    return refuse_doubles(builder, builder->open) && on_list_end(builder, event);
}

static bool on_document(struct builder *builder, const yaml_event_t *event) {
    if (builder->root) {
        report_at(builder->report, line_of(event->start_mark), column_of(event->start_mark),
                  "found a second document, expected one");
        return false;
    }
    return true;
}

typedef bool (*event_fn)(struct builder *builder, const yaml_event_t *event);
// An event without a function (a stream's or a document's end) changes nothing.
static const event_fn event_functions[] = {
    [YAML_DOCUMENT_START_EVENT] = on_document,
    [YAML_SCALAR_EVENT] = on_scalar,
    [YAML_ALIAS_EVENT] = on_alias,
    [YAML_SEQUENCE_START_EVENT] = on_list,
    [YAML_SEQUENCE_END_EVENT] = on_list_end,
    [YAML_MAPPING_START_EVENT] = on_map,
    [YAML_MAPPING_END_EVENT] = on_map_end,
};

struct place {
    int line, column;
    char before, at; // bytes around it, '\0' outside of the text
};

// Columns count characters, as libyaml's do: the bytes 10xxxxxx continue one.
static void step(struct place *place, char byte) {
    if (byte == '\n') {
        place->line++;
        place->column = 1;
    } else if (((unsigned char)byte & 0xC0) != 0x80) {
        place->column++;
    }
}

// libyaml's reader says where it stopped in bytes, its scanner and parser in lines and columns.
static struct place place_of(const yaml_parser_t *parser, const char *text, size_t length) {
    bool by_offset = parser->error == YAML_READER_ERROR;
    int line = line_of(parser->problem_mark), column = column_of(parser->problem_mark);
    struct place place = {.line = 1, .column = 1};
    size_t i = 0;
    while (i < length && (by_offset ? i < parser->problem_offset
                                    : place.line < line || (place.line == line && place.column < column))) {
        step(&place, text[i++]);
    }
    // Past the characters that are still part of the one before.
    while (i < length && !by_offset && ((unsigned char)text[i] & 0xC0) == 0x80) {
        i++;
    }
    place.before = i > 0 ? text[i - 1] : '\0';
    place.at = i < length ? text[i] : '\0';
    if (!by_offset) { // a line may end in other ways than '\n': libyaml knows them all
        place.line = line;
        place.column = column;
    }
    return place;
}

// What libyaml says of the usual slips does not tell what to do about them.
static const char *hint(const yaml_parser_t *parser, const struct place *place) {
    if (parser->error == YAML_READER_ERROR) {
        return "; expected UTF-8 text";
    }
    if (place->at == '\t') {
        return "; expected spaces, YAML does not indent with tabs";
    }
    if (parser->context && strstr(parser->context, "alias")) {
        return "; a text that starts with * stands in quotes";
    }
    if (place->at == ':' && (place->before == '[' || place->before == ']')) {
        return "; an IPv6 address stands in quotes, as in \"[::1]:8000\"";
    }
    if (place->before == '$' && place->at == '{') {
        return "; ${NAME} stands in quotes inside of {} and []";
    }
    return "";
}

static void report_syntax(struct report *report, const yaml_parser_t *parser, const char *text,
                          size_t length) {
    if (parser->error == YAML_MEMORY_ERROR) {
        report_no_memory(report);
        return;
    }
    struct place place = place_of(parser, text, length);
    const char *problem = parser->problem ? parser->problem : "it cannot be read";
    if (parser->context) {
        report_at(report, place.line, place.column, "found broken YAML: %s, %s from line %d on%s", problem,
                  parser->context, line_of(parser->context_mark), hint(parser, &place));
    } else {
        report_at(report, place.line, place.column, "found broken YAML: %s%s", problem, hint(parser, &place));
    }
}

// Takes one event. False: the text is at its end or broken.
static bool next(struct builder *builder, yaml_parser_t *parser, const char *text, size_t length, bool *ok) {
    yaml_event_t event;
    if (!yaml_parser_parse(parser, &event)) {
        report_syntax(builder->report, parser, text, length);
        *ok = false;
        return false;
    }
    yaml_event_type_t type = event.type;
    event_fn function =
        (size_t)type < sizeof event_functions / sizeof event_functions[0] ? event_functions[type] : NULL;
    *ok = !function || function(builder, &event);
    yaml_event_delete(&event);
    return *ok && type != YAML_STREAM_END_EVENT && type != YAML_NO_EVENT;
}

// An empty text has no document: it is given the node of an empty one.
static bool complete(struct builder *builder) {
    if (builder->root) {
        return true;
    }
    struct node *node = add(builder, NODE_TEXT, (yaml_mark_t){0});
    if (!node) {
        return false;
    }
    node->plain = true;
    return set_text(builder, node, "");
}

// libyaml takes a byte order mark for a column, and then the first key stands deeper than the others.
static size_t mark_length(const char *text, size_t length) {
    static const char mark[] = "\xEF\xBB\xBF";
    size_t size = sizeof mark - 1;
    return length >= size && memcmp(text, mark, size) == 0 ? size : 0;
}

struct node *tree_parse(const char *text, size_t length, struct report *report) {
    if (length > TREE_BYTES_MAX) {
        report_at(report, 1, 1, "found more than %d bytes, expected at most 1MiB", TREE_BYTES_MAX);
        return NULL;
    }
    size_t skipped = mark_length(text, length);
    text += skipped;
    length -= skipped;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        report_no_memory(report);
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    struct builder builder = {.report = report};
    bool ok = true;
    while (next(&builder, &parser, text, length, &ok)) {
    }
    yaml_parser_delete(&parser);
    free(builder.key);
    if (!ok || !complete(&builder)) {
        tree_free(builder.root);
        return NULL;
    }
    return builder.root;
}

// Recursion is bounded by TREE_DEPTH_MAX, here and in whoever walks a tree.
void tree_free(struct node *root) {
    if (!root) {
        return;
    }
    struct node *item = root->first;
    while (item) {
        struct node *after = item->next;
        tree_free(item);
        item = after;
    }
    free(root->key);
    free(root->text);
    free(root->variable);
    free(root);
}

void tree_forget_positions(struct node *root) {
    root->line = root->column = root->key_line = root->key_column = 0;
    for (struct node *item = root->first; item; item = item->next) {
        tree_forget_positions(item);
    }
}

struct node *node_child(const struct node *map, const char *key) {
    if (!map || map->kind != NODE_MAP) {
        return NULL;
    }
    for (struct node *item = map->first; item; item = item->next) {
        if (strcmp(item->key, key) == 0) {
            return item;
        }
    }
    return NULL;
}

bool node_is_nothing(const struct node *node) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (node->kind != NODE_TEXT || !node->plain || node->variable) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(node->text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}
