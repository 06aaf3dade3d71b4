// SPDX-License-Identifier: MIT
// config_print_defaults: the table of keys as YAML, aligned like the example in the documentation.
#include <stdbool.h>
#include <string.h>

#include "config/config.h"
#include "config/keys.h"
#include "config/schema.h"
#include "config/types.h"
#include "util/buf.h"

enum { HELP_COLUMN = 34 };

struct margin {
    const char *first, *others; // in front of a table's first key, and of the others
    const char *inner;          // and of those in a section among them
};

static void put_help(struct buf *out, const struct key *key, size_t start) {
    size_t width = out->length - start;
    buf_printf(out, "%*s# %s", width < HELP_COLUMN ? (int)(HELP_COLUMN - width) : 1, "", key->help);
    if (key->type->range) {
        buf_puts(out, " [");
        key->type->range(key, out);
        buf_puts(out, "]");
    }
    buf_puts(out, "\n");
}

static void put_line(struct buf *out, const struct key *key, const char *margin, const char *value) {
    size_t start = out->length;
    buf_printf(out, "%s%s%s:%s%s", margin, key->apart ? "# " : "", key->name, value[0] ? " " : "", value);
    put_help(out, key, start);
}

static const char *shown_value(const struct key *key) {
    return key->fallback ? key->fallback : key->sample;
}

static void put_table(struct buf *out, const struct key *keys, struct margin margin) {
    for (const struct key *key = keys; key->name; key++) {
        const char *here = key == keys ? margin.first : margin.others;
        if (key->keys) {
            put_line(out, key, here, "");
            put_table(out, key->keys, (struct margin){margin.inner, margin.inner, NULL});
        } else {
            put_line(out, key, here, shown_value(key));
        }
    }
}

// Sections and entries, and sections within those, are all that the table has.
static void put_key(struct buf *out, const struct key *key) {
    bool has_entries = key->fallback && strncmp(key->fallback, "[{", 2) == 0;
    if (key->type == &type_section) {
        put_line(out, key, "", "");
        put_table(out, key->keys, (struct margin){"  ", "  ", "    "});
    } else if (key->keys && has_entries) {
        put_line(out, key, "", "");
        put_table(out, key->keys, (struct margin){"  - ", "    ", "      "});
    } else if (key->keys) { // what an entry would look like
        put_line(out, key, key->fallback ? "" : "# ", shown_value(key));
        put_table(out, key->keys, (struct margin){"#  - ", "#    ", "#      "});
    } else {
        put_line(out, key, key->fallback ? "" : "# ", shown_value(key));
    }
}

void config_print_defaults(struct buf *out) {
    buf_puts(out, "# Every key with its default. A file needs only what is to differ, and may be empty. "
                  "[what a value may be]\n"
                  "# ${NAME} in a value is taken from the environment, $$ is a dollar.\n\n");
    for (const struct key *key = schema_keys; key->name; key++) {
        put_key(out, key);
    }
}
