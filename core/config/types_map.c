// SPDX-License-Identifier: MIT
// Sections, and what holds entries: brokers, auth, channels, options.
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/forms.h"
#include "config/keys.h"
#include "config/report.h"
#include "config/tree.h"
#include "config/types.h"
#include "util/buf.h"

// A section with nothing in it is one whose keys are all commented out.
static void read_section(const struct key *key, struct node *node, void *base, struct report *report) {
    if (node->kind != NODE_MAP && !node_is_nothing(node)) {
        key_refuse(key, node, report);
        return;
    }
    keys_read(key->keys, node, base, report);
}

static void expect_section(const struct key *key, struct buf *out) {
    buf_puts(out, "a map of ");
    for (const struct key *inner = key->keys; inner->name; inner++) {
        buf_printf(out, "%s%s", inner == key->keys ? "" : ", ", inner->name);
    }
}

static void expect_entries(const struct key *key, struct buf *out) {
    buf_printf(out, "a list of %zu to %zu entries {", (size_t)key->low, (size_t)key->high);
    for (const struct key *inner = key->keys; inner->name; inner++) {
        buf_printf(out, "%s%s", inner == key->keys ? "" : ", ", inner->name);
    }
    buf_puts(out, "}");
}

// Zeroed room for an entry each; NULL when there are none, too many or too few (reported), or no memory
// (reported).
static void *new_entries(const struct key *key, struct node *node, size_t size, struct report *report) {
    if (node->kind != NODE_LIST && !(key->low == 0 && node_is_nothing(node))) {
        key_refuse(key, node, report);
        return NULL;
    }
    if (node->count < key->low || node->count > key->high) {
        report_value(report, node, "found a list of %zu, expected one of %zu to %zu entries", node->count,
                     (size_t)key->low, (size_t)key->high);
        return NULL;
    }
    void *entries = node->count > 0 ? calloc(node->count, size) : NULL;
    if (!entries && node->count > 0) {
        report_no_memory(report);
    }
    return entries;
}

static void read_entry(const struct key *key, struct node *entry, void *base, struct report *report) {
    if (entry->refused) {
        return;
    }
    if (entry->kind != NODE_MAP) {
        struct buf expected = {0};
        expect_section(key, &expected);
        report_expected(report, entry, report_text(report, &expected));
        buf_free(&expected);
        return;
    }
    keys_read(key->keys, entry, base, report);
}

static void keep_variable(const struct node *node, char **variable, struct report *report) {
    *variable = node && node->variable ? strdup(node->variable) : NULL;
    if (node && node->variable && !*variable) {
        report_no_memory(report);
    }
}

static void read_plugin(const struct key *key, struct node *entry, struct config_plugin *plugin,
                        struct report *report) {
    const struct node *said = node_child(entry, "plugin");
    plugin->line = entry->line;
    plugin->column = entry->column;
    plugin->plugin_line = said ? said->line : 0;
    plugin->plugin_column = said ? said->column : 0;
    read_entry(key, entry, plugin, report);
}

static void read_brokers(const struct key *key, struct node *node, void *base, struct report *report) {
    struct config *config = base;
    struct config_plugin *broker = new_entries(key, node, sizeof *broker, report);
    if (!broker) {
        return;
    }
    config->brokers.items = broker;
    config->brokers.count = node->count;
    for (struct node *entry = node->first; entry; entry = entry->next, broker++) {
        read_plugin(key, entry, broker, report);
        keep_variable(node_child(entry, "name"), &broker->name_variable, report);
    }
}

// Of `./plugins/mine.so`: `mine`. NULL: reported.
static char *name_of_plugin(const char *plugin, struct node *entry, struct report *report) {
    const char *slash = strrchr(plugin, '/'), *start = slash ? slash + 1 : plugin, *why;
    size_t length = strlen(start);
    if (length > 3 && strcmp(start + length - 3, ".so") == 0) {
        length -= 3;
    }
    char *name = strndup(start, length);
    if (!name) {
        report_no_memory(report);
    } else if (!form_name.fits(name, &why)) {
        report_value(report, entry, "found no name and none in `plugin`, expected %s", form_name.expected);
        free(name);
        name = NULL;
    }
    return name;
}

static void read_auth_plugin(const struct key *key, struct node *entry, struct config_plugin *plugin,
                             struct report *report) {
    read_plugin(key, entry, plugin, report);
    const struct node *name = node_child(entry, "name");
    if (!name && plugin->plugin) {
        name = node_child(entry, "plugin");
        plugin->name = name_of_plugin(plugin->plugin, entry, report);
    }
    keep_variable(name, &plugin->name_variable, report);
}

static void read_auth(const struct key *key, struct node *node, void *base, struct report *report) {
    struct config *config = base;
    if (node->kind == NODE_TEXT && strcmp(node->text, "none") == 0) {
        config->auth.mode = CONFIG_AUTH_NONE;
        return;
    }
    struct config_plugin *plugin = new_entries(key, node, sizeof *plugin, report);
    if (!plugin) {
        return;
    }
    config->auth.mode = CONFIG_AUTH_PLUGINS;
    config->auth.items = plugin;
    config->auth.count = node->count;
    for (struct node *entry = node->first; entry; entry = entry->next, plugin++) {
        read_auth_plugin(key, entry, plugin, report);
    }
}

static void expect_auth(const struct key *key, struct buf *out) {
    buf_puts(out, "none, or ");
    expect_entries(key, out);
}

static struct config_place place_of(const struct node *node) {
    return node ? (struct config_place){node->line, node->column} : (struct config_place){0};
}

static void read_channels(const struct key *key, struct node *node, void *base, struct report *report) {
    struct config *config = base;
    struct config_channel *channel = new_entries(key, node, sizeof *channel, report);
    if (!channel) {
        return;
    }
    config->channels.items = channel;
    config->channels.count = node->count;
    for (struct node *entry = node->first; entry; entry = entry->next, channel++) {
        channel->line = entry->line;
        channel->column = entry->column;
        read_entry(key, entry, channel, report);
        channel->last_value_place = place_of(node_child(entry, "last_value"));
        channel->history_place = place_of(node_child(entry, "history"));
        channel->via_place = place_of(node_child(node_child(entry, "history"), "via"));
    }
}

// Which options are secret only their plugin knows, so what has blanks is not shown. False: reported.
static bool check_item(struct node *item, struct report *report) {
    static const char expected[] = "a text without blanks, a number or a word";
    if (item->kind != NODE_TEXT || node_is_nothing(item) || !*item->text) {
        report_expected(report, item, expected);
        return false;
    }
    if (strpbrk(item->text, " \t\r\n")) {
        report_value(report, item, "found blanks, expected %s", expected);
        return false;
    }
    return true;
}

// A list is one text to a plugin, whose options are all flat: its items with a blank between two.
static char *join(const struct node *list, const char **variable) {
    struct buf text = {0};
    for (const struct node *item = list->first; item; item = item->next) {
        buf_printf(&text, "%s%s", item == list->first ? "" : " ", item->text);
        *variable = item->variable ? item->variable : *variable;
    }
    buf_append(&text, "", 1);
    if (text.failed) {
        buf_free(&text);
        return NULL;
    }
    return text.data;
}

static bool check_option(struct node *node, struct report *report) {
    if (node->kind == NODE_LIST && node->count > 0) {
        for (struct node *item = node->first; item; item = item->next) {
            if (!check_item(item, report)) {
                return false;
            }
        }
        return true;
    }
    if (node->kind != NODE_TEXT || node_is_nothing(node)) {
        report_expected(report, node,
                        "a text, a number or a word (\"\" for an empty one), or a list of such");
        return false;
    }
    return true;
}

static void read_option(struct node *node, struct config_option *option, struct report *report) {
    const char *variable = node->variable;
    if (!check_option(node, report)) {
        return;
    }
    option->line = node->line;
    option->column = node->column;
    option->key = strdup(node->key);
    option->value = node->kind == NODE_LIST ? join(node, &variable) : strdup(node->text);
    option->variable = variable ? strdup(variable) : NULL;
    if (!option->key || !option->value || (variable && !option->variable)) {
        report_no_memory(report);
    }
}

static void read_options(const struct key *key, struct node *node, void *base, struct report *report) {
    struct config_plugin *plugin = base;
    if (node->kind != NODE_MAP && !node_is_nothing(node)) {
        key_refuse(key, node, report);
        return;
    }
    plugin->options = node->count > 0 ? calloc(node->count, sizeof *plugin->options) : NULL;
    if (!plugin->options) {
        if (node->count > 0) {
            report_no_memory(report);
        }
        return;
    }
    plugin->option_count = node->count;
    for (struct node *item = node->first; item; item = item->next) {
        if (!item->refused) {
            read_option(item, &plugin->options[item->index], report);
        }
    }
}

static void expect_options(const struct key *key, struct buf *out) {
    (void)key;
    buf_puts(out, "a map of the plugin's own options");
}

const struct type type_section = {.read = read_section, .expect = expect_section};
const struct type type_brokers = {.read = read_brokers, .expect = expect_entries};
const struct type type_auth = {.read = read_auth, .expect = expect_auth};
const struct type type_channels = {.read = read_channels, .expect = expect_entries};
const struct type type_options = {.read = read_options, .expect = expect_options};
