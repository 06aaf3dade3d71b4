// SPDX-License-Identifier: MIT
#include "plugin/describe.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "config/report.h"
#include "config/units.h"
#include "plugin/capabilities.h"
#include "plugin/plugin.h"
#include "plugin/value.h"
#include "util/buf.h"

enum { HELP_COLUMN = 34 }; // as in `config --defaults`

// ---- one property each ----

static void put_name(const struct plugin *plugin, struct buf *out) {
    buf_puts(out, plugin->about.name);
}

static void put_kind(const struct plugin *plugin, struct buf *out) {
    bool both = plugin->about.broker && plugin->about.auth;
    buf_puts(out, both ? "broker,auth" : plugin->about.auth ? "auth" : "broker");
}

static void put_version(const struct plugin *plugin, struct buf *out) {
    buf_puts(out, plugin->about.version[0] ? plugin->about.version : "-");
}

static void put_abi(const struct plugin *plugin, struct buf *out) {
    buf_printf(out, "%u.%u", plugin->about.abi_major, plugin->about.abi_minor);
}

static void put_listed(struct buf *out, size_t start, const char *name) {
    buf_printf(out, "%s%s", out->length > start ? "," : "", name);
}

// Of an auth plugin: the slots that it may do without.
static void put_capabilities(const struct plugin *plugin, struct buf *out) {
    const struct {
        const char *name;
        bool has;
    } slots[] = {
        {"refresh", plugin->auth.refresh},
        {"authorize", plugin->auth.authorize},
        {"reload", plugin->auth.reload},
    };
    size_t start = out->length;
    for (const struct capability *each = capabilities; each->name; each++) {
        if (plugin->broker.capabilities & each->bit) {
            put_listed(out, start, each->name);
        }
    }
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        if (slots[i].has) {
            put_listed(out, start, slots[i].name);
        }
    }
    if (out->length == start) {
        buf_puts(out, "-");
    }
}

static void put_max_payload(const struct plugin *plugin, struct buf *out) {
    char size[UNITS_TEXT_SIZE];
    units_format(UNIT_SIZE, plugin->broker.max_payload, size);
    buf_puts(out, plugin->broker.max_payload ? size : "no limit of its own");
}

static void put_file(const struct plugin *plugin, struct buf *out) {
    buf_puts(out, plugin->file);
}

// ---- a table of them ----

static const struct column {
    const char *title;
    void (*put)(const struct plugin *plugin, struct buf *out);
} columns[] = {
    {"NAME", put_name},
    {"KIND", put_kind},
    {"VERSION", put_version},
    {"ABI", put_abi},
    {"CAPABILITIES", put_capabilities},
    {"FILE", put_file},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static size_t width_of(const struct column *column, const struct plugin *plugins, size_t count) {
    size_t width = strlen(column->title);
    struct buf cell = {0};
    for (size_t i = 0; i < count; i++) {
        buf_clear(&cell);
        column->put(&plugins[i], &cell);
        width = cell.length > width ? cell.length : width;
    }
    buf_free(&cell);
    return width;
}

// `plugin` NULL: the titles. The last column is not padded.
static void put_row(const struct plugin *plugin, const size_t *widths, struct buf *out) {
    for (size_t i = 0; i < COLUMNS; i++) {
        size_t start = out->length;
        if (plugin) {
            columns[i].put(plugin, out);
        } else {
            buf_puts(out, columns[i].title);
        }
        if (i + 1 < COLUMNS && !out->failed) {
            buf_printf(out, "%*s", (int)(widths[i] - (out->length - start) + 2), "");
        }
    }
    buf_puts(out, "\n");
}

void describe_table(const struct plugin *plugins, size_t count, struct buf *out) {
    size_t widths[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        widths[i] = width_of(&columns[i], plugins, count);
    }
    put_row(NULL, widths, out);
    for (size_t i = 0; i < count; i++) {
        put_row(&plugins[i], widths, out);
    }
}

// ---- one ----

static void put_flags(const struct wshub_option *option, struct buf *out) {
    if (option->flags & WSHUB_OPTION_REQUIRED) {
        buf_puts(out, " (required)");
    }
    if (option->flags & WSHUB_OPTION_SECRET) {
        buf_puts(out, " (secret)");
    }
}

// One without a fallback to show is a comment, so that what is pasted means what it meant unsaid.
static void put_option(const struct wshub_option *option, struct buf *out) {
    size_t start = out->length;
    bool has_value = option->fallback && !(option->flags & (WSHUB_OPTION_REQUIRED | WSHUB_OPTION_SECRET));
    buf_printf(out, "      %s%s: ", has_value ? "" : "# ", option->name);
    if (has_value) {
        value_show(option, option->fallback, out);
    }
    size_t width = out->length - start;
    buf_printf(out, "%*s# ", width < HELP_COLUMN ? (int)(HELP_COLUMN - width) : 1, "");
    buf_printf(out, "%s [", option->help ? option->help : option->name);
    value_describe(option, out);
    buf_puts(out, "]");
    put_flags(option, out);
    buf_puts(out, "\n");
}

static void put_options(const struct plugin *plugin, struct buf *out) {
    buf_printf(out, "    options:%s\n", plugin->about.option_count ? "" : " {}");
    for (uint32_t i = 0; i < plugin->about.option_count; i++) {
        put_option(&plugin->about.options[i], out);
    }
}

static const struct property {
    struct column column;
    bool of_brokers; // alone
} properties[] = {
    {{"kind", put_kind}, false},
    {{"file", put_file}, false},
    {{"ABI", put_abi}, false},
    {{"capabilities", put_capabilities}, false},
    {{"largest payload", put_max_payload}, true},
};

static void put_entry(const struct plugin *plugin, const char *intro, const char *name, struct buf *out) {
    buf_puts(out, intro);
    report_show_key(out, name);
    buf_puts(out, "\n");
    put_options(plugin, out);
}

void describe_plugin(const struct plugin *plugin, const char *name, struct buf *out) {
    const struct wshub_plugin *about = &plugin->about;
    buf_printf(out, "# %s %s%s%s\n", about->name, about->version, about->summary[0] ? ": " : "",
               about->summary);
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        if (about->broker || !properties[i].of_brokers) {
            buf_printf(out, "# %s: ", properties[i].column.title);
            properties[i].column.put(plugin, out);
            buf_puts(out, "\n");
        }
    }
    if (about->broker) {
        put_entry(plugin, "brokers:\n  - name: main\n    plugin: ", name, out);
    }
    if (about->auth) {
        put_entry(plugin, "auth:\n  - plugin: ", name, out);
    }
}
