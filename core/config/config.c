// SPDX-License-Identifier: MIT
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/environment.h"
#include "config/keys.h"
#include "config/report.h"
#include "config/rules.h"
#include "config/schema.h"
#include "config/tree.h"
#include "util/buf.h"

static void read_tree(struct config *config, struct node *root, struct report *report) {
    environment_substitute(root, report);
    if (root->refused) {
        return;
    }
    if (root->kind != NODE_MAP && !node_is_nothing(root)) {
        report_expected(report, root, "keys with values, such as listen: 127.0.0.1:8000");
        return;
    }
    keys_read(schema_keys, root, config, report);
    rules_check(config, root, report);
}

bool config_read(struct config *config, const char *name, const char *text, size_t length,
                 struct buf *errors) {
    struct report report = {.name = name};
    *config = (struct config){0};
    struct node *root = tree_parse(text, length, &report);
    if (root) {
        read_tree(config, root, &report);
    }
    tree_free(root);
    bool ok = report_is_empty(&report);
    report_finish(&report, errors);
    if (!ok) {
        config_free(config);
    }
    return ok;
}

// One byte more than config_read takes, so that it sees a file that is too long. False: errno says why.
static bool read_file(struct buf *text, const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    bool ok = buf_reserve(text, TREE_BYTES_MAX + 1);
    errno = ok ? 0 : ENOMEM;
    if (ok) {
        text->length = fread(text->data, 1, TREE_BYTES_MAX + 1, file);
        ok = !ferror(file);
    }
    int reason = errno;
    fclose(file);
    errno = reason;
    return ok;
}

bool config_load(struct config *config, const char *path, struct buf *errors) {
    struct buf text = {0};
    *config = (struct config){0};
    bool ok = read_file(&text, path);
    if (ok) {
        ok = config_read(config, path, text.data, text.length, errors);
    } else {
        buf_printf(errors, "%s: found no readable file, expected one: %s\n", path, strerror(errno));
    }
    buf_free(&text);
    return ok;
}

size_t config_broker_index(const struct config *config, const char *name) {
    for (size_t i = 0; name && i < config->brokers.count; i++) {
        if (strcmp(config->brokers.items[i].name, name) == 0) {
            return i;
        }
    }
    return 0;
}

static void free_strings(struct config_strings *strings) {
    for (size_t i = 0; i < strings->count; i++) {
        free(strings->items[i]);
    }
    free(strings->items);
}

static void free_plugin(struct config_plugin *plugin) {
    for (size_t i = 0; i < plugin->option_count; i++) {
        free(plugin->options[i].key);
        free(plugin->options[i].value);
        free(plugin->options[i].variable);
    }
    free(plugin->options);
    free(plugin->name);
    free(plugin->name_variable);
    free(plugin->plugin);
}

static void free_plugins(struct config_plugin *plugins, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free_plugin(&plugins[i]);
    }
    free(plugins);
}

// Secrets do not stay in memory that somebody else gets.
static void wipe_strings(struct config_strings *strings) {
    for (size_t i = 0; i < strings->count; i++) {
        explicit_bzero(strings->items[i], strlen(strings->items[i]));
    }
    free_strings(strings);
}

void config_free(struct config *config) {
    free_strings(&config->listen);
    free_strings(&config->origins);
    free_strings(&config->plugin_path);
    free(config->instance_id);
    free_plugins(config->brokers.items, config->brokers.count);
    free_plugins(config->auth.items, config->auth.count);
    free(config->credentials.query);
    free(config->credentials.cookie);
    free(config->credentials.subprotocol);
    free_strings(&config->proxies.trusted);
    wipe_strings(&config->api.keys);
    for (size_t i = 0; i < config->channels.count; i++) {
        free(config->channels.items[i].match);
        free(config->channels.items[i].broker);
        free(config->channels.items[i].history.via);
    }
    free(config->channels.items);
    *config = (struct config){0};
}
