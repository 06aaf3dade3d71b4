// SPDX-License-Identifier: MIT
#include "config/keys.h"

#include <string.h>

#include "config/nearest.h"
#include "config/report.h"
#include "config/tree.h"
#include "util/buf.h"

void key_refuse(const struct key *key, struct node *node, struct report *report) {
    struct buf expected = {0};
    key->type->expect(key, &expected);
    node->secret |= key->secret || (key->form && key->form->secret);
    report_expected(report, node, report_text(report, &expected));
    buf_free(&expected);
}

static const struct key *find(const struct key *keys, const char *name) {
    for (const struct key *key = keys; key->name; key++) {
        if (strcmp(key->name, name) == 0) {
            return key;
        }
    }
    return NULL;
}

static void expect_any(const struct key *keys, struct buf *out) {
    buf_puts(out, "one of ");
    for (const struct key *key = keys; key->name; key++) {
        buf_printf(out, "%s%s", key == keys ? "" : ", ", key->name);
    }
}

static void expect_nearest(const struct key *keys, const struct node *item, struct buf *out) {
    const struct key *section;
    const struct key *near = nearest_key(keys, item->key, &section);
    if (!near) {
        expect_any(keys, out);
    } else if (section) { // one level away: shown as it is written
        buf_printf(out, "%s: {%s: ...} perhaps", section->name, near->name);
    } else {
        report_show_path(out, item->parent);
        buf_printf(out, "%s%s perhaps", out->length > 0 ? "." : "", near->name);
    }
}

static void refuse_unknown(const struct key *keys, struct node *item, struct report *report) {
    struct buf expected = {0};
    if (!report_is_full(report)) { // else it would be thrown away
        expect_nearest(keys, item, &expected);
    }
    report_key(report, item, "found an unknown key, expected %s", report_text(report, &expected));
    buf_free(&expected);
}

static void read_fallback(const struct key *key, void *base, struct report *report) {
    struct node *node = tree_parse(key->fallback, strlen(key->fallback), report);
    if (node) {
        tree_forget_positions(node);
        key->type->read(key, node, base, report);
    }
    tree_free(node);
}

static void refuse_missing(const struct key *key, struct node *map, struct report *report) {
    struct buf expected = {0};
    key->type->expect(key, &expected);
    report_value(report, map, "found no %s, expected %s", key->name, report_text(report, &expected));
    buf_free(&expected);
}

void keys_read(const struct key *keys, struct node *map, void *base, struct report *report) {
    for (struct node *item = map ? map->first : NULL; item; item = item->next) {
        if (!item->refused && !find(keys, item->key)) {
            refuse_unknown(keys, item, report);
        }
    }
    for (const struct key *key = keys; key->name; key++) {
        struct node *node = node_child(map, key->name);
        if (node && !node->refused) {
            key->type->read(key, node, base, report);
        } else if (!node && key->fallback) {
            read_fallback(key, base, report);
        } else if (!node && key->required) {
            refuse_missing(key, map, report);
        }
    }
}
