// SPDX-License-Identifier: MIT
#include "plugin/options.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/nearest.h"
#include "config/report.h"
#include "plugin/value.h"
#include "util/buf.h"
#include "wshub/plugin.h"

struct value {
    char *text;       // NULL: none
    uint64_t number;  // of the text
    char *variable;   // the environment variable that it came from, or NULL
    int line, column; // 0: it was not said
};

struct options {
    const struct wshub_plugin *plugin;
    struct value values[]; // in the order of the plugin's options
};

// What one reading works with.
struct reading {
    struct options *options;
    const struct config_plugin *config;
    const struct options_place *place;
    struct report report;
};

static const struct wshub_option *find_declared(const struct wshub_plugin *plugin, const char *name) {
    for (uint32_t i = 0; i < plugin->option_count; i++) {
        if (strcmp(plugin->options[i].name, name) == 0) {
            return &plugin->options[i];
        }
    }
    return NULL;
}

static const struct value *find_value(const struct options *options, const char *name) {
    const struct wshub_option *option = find_declared(options->plugin, name);
    return option ? &options->values[option - options->plugin->options] : NULL;
}

static const struct config_option *find_said(const struct config_plugin *config, const char *name) {
    for (size_t i = 0; i < config->option_count; i++) {
        if (strcmp(config->options[i].key, name) == 0) {
            return &config->options[i];
        }
    }
    return NULL;
}

// ---- errors ----

static void show_found(const struct wshub_option *option, const char *text, const char *variable,
                       struct buf *out) {
    if (!text) {
        buf_puts(out, "nothing");
    } else if (option->flags & WSHUB_OPTION_SECRET) {
        buf_puts(out, "(secret)");
    } else if (variable) {
        buf_printf(out, "a value from ${%s}", variable);
    } else {
        report_show_text(out, text);
    }
}

static void expect_declared(const struct wshub_plugin *plugin, const char *name, struct buf *out) {
    struct nearest nearest = nearest_to(name);
    for (uint32_t i = 0; i < plugin->option_count; i++) {
        nearest_offer(&nearest, plugin->options[i].name);
    }
    if (plugin->option_count == 0) {
        buf_printf(out, "none: plugin %s has none", plugin->name);
    } else if (nearest.best) {
        buf_printf(out, "%s perhaps", nearest.best);
    } else {
        buf_puts(out, plugin->option_count > 1 ? "one of " : "");
        for (uint32_t i = 0; i < plugin->option_count; i++) {
            buf_printf(out, "%s%s", i == 0 ? "" : ", ", plugin->options[i].name);
        }
    }
}

static void refuse_unknown(struct reading *reading, const struct config_option *said) {
    struct buf key = {0}, expected = {0};
    report_show_key(&key, said->key);
    expect_declared(reading->options->plugin, said->key, &expected);
    report_at(&reading->report, said->line, said->column,
              "%s.options.%s: found an unknown option, expected %s", reading->place->entry,
              report_text(&reading->report, &key), report_text(&reading->report, &expected));
    buf_free(&key);
    buf_free(&expected);
}

static void refuse_missing(struct reading *reading, const struct wshub_option *option) {
    struct buf expected = {0};
    value_expect(option, &expected);
    if (option->help) {
        buf_printf(&expected, " (%s)", option->help);
    }
    report_at(&reading->report, reading->place->line, reading->place->column,
              "%s.options: found no %s, expected %s", reading->place->entry, option->name,
              report_text(&reading->report, &expected));
    buf_free(&expected);
}

static void refuse_value(struct reading *reading, const struct wshub_option *option,
                         const struct config_option *said) {
    struct buf found = {0}, expected = {0};
    show_found(option, said->value, said->variable, &found);
    value_expect(option, &expected);
    report_at(&reading->report, said->line, said->column, "%s.options.%s: found %s, expected %s",
              reading->place->entry, option->name, report_text(&reading->report, &found),
              report_text(&reading->report, &expected));
    buf_free(&found);
    buf_free(&expected);
}

// ---- reading ----

static void keep(struct reading *reading, struct value *value, const char *text) {
    value->text = strdup(text);
    if (!value->text) {
        report_no_memory(&reading->report);
    }
}

static void read_said(struct reading *reading, const struct wshub_option *option,
                      const struct config_option *said, struct value *value) {
    if (!value_parse(option, said->value, &value->number)) {
        refuse_value(reading, option, said);
        return;
    }
    keep(reading, value, said->value);
    value->line = said->line;
    value->column = said->column;
    value->variable = said->variable ? strdup(said->variable) : NULL;
    if (said->variable && !value->variable) {
        report_no_memory(&reading->report);
    }
}

static void read_option(struct reading *reading, uint32_t index) {
    const struct wshub_option *option = &reading->options->plugin->options[index];
    const struct config_option *said = find_said(reading->config, option->name);
    struct value *value = &reading->options->values[index];
    if (said) {
        read_said(reading, option, said, value);
    } else if (option->flags & WSHUB_OPTION_REQUIRED) {
        refuse_missing(reading, option);
    } else if (option->fallback) {
        value_parse(option, option->fallback, &value->number); // it fits: the plugin was loaded
        keep(reading, value, option->fallback);
    }
}

static void read_all(struct reading *reading) {
    const struct wshub_plugin *plugin = reading->options->plugin;
    for (size_t i = 0; i < reading->config->option_count; i++) {
        if (!find_declared(plugin, reading->config->options[i].key)) {
            refuse_unknown(reading, &reading->config->options[i]);
        }
    }
    for (uint32_t i = 0; i < plugin->option_count; i++) {
        read_option(reading, i);
    }
}

struct options *options_read(const struct wshub_plugin *plugin, const struct config_plugin *config,
                             const struct options_place *place, struct buf *errors) {
    struct options *options = calloc(1, sizeof *options + plugin->option_count * sizeof options->values[0]);
    struct reading reading = {options, config, place, {.name = place->file}};
    if (options) {
        options->plugin = plugin;
        read_all(&reading);
    } else {
        report_no_memory(&reading.report);
    }
    bool ok = report_is_empty(&reading.report);
    report_finish(&reading.report, errors);
    if (!ok) {
        options_free(options);
        options = NULL;
    }
    return options;
}

void options_free(struct options *options) {
    for (uint32_t i = 0; options && i < options->plugin->option_count; i++) {
        free(options->values[i].text);
        free(options->values[i].variable);
    }
    free(options);
}

// ---- asking ----

const char *options_text(const struct options *options, const char *name) {
    const struct value *value = find_value(options, name);
    return value ? value->text : NULL;
}

uint64_t options_number(const struct options *options, const char *name) {
    const struct value *value = find_value(options, name);
    return value ? value->number : 0;
}

void options_refuse(const struct options *options, const char *name, const char *expected,
                    const struct options_place *place, struct buf *errors) {
    const struct wshub_option *option = find_declared(options->plugin, name);
    const struct value *value = find_value(options, name);
    struct report report = {.name = place->file};
    struct buf found = {0};
    if (option) {
        bool said = value->line > 0;
        show_found(option, value->text, value->variable, &found);
        report_at(&report, said ? value->line : place->line, said ? value->column : place->column,
                  "%s.options.%s: found %s, expected %s", place->entry, name, report_text(&report, &found),
                  expected);
    } else {
        report_at(&report, place->line, place->column,
                  "%s.plugin: found that plugin %s refuses its option \"%s\", expected one that it declares",
                  place->entry, options->plugin->name, name);
    }
    buf_free(&found);
    report_finish(&report, errors);
}
