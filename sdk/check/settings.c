// SPDX-License-Identifier: MIT
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/environment.h"
#include "config/keys.h"
#include "config/report.h"
#include "config/tree.h"
#include "config/types.h"
#include "util/buf.h"

// ---- what the texts look like ----

// The ':' in front of the port; NULL: it is no address. An IPv6 address stands in brackets.
static const char *find_port(const char *text) {
    const char *colon = strrchr(text, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    if (!colon || colon == text || digits == 0 || digits > 5 || colon[1 + digits] != '\0') {
        return NULL;
    }
    long port = strtol(colon + 1, NULL, 10);
    bool bare = text[0] != '[' && memchr(text, ':', (size_t)(colon - text));
    return port >= 1 && port <= 65535 && !bare ? colon : NULL;
}

static bool is_address(const char *text, const char **why) {
    (void)why;
    return find_port(text);
}

static bool is_command(const char *text, const char **why) {
    (void)why;
    return text[strspn(text, " \t\n")] != '\0';
}

static const struct form form_broker = {.fits = is_address, .expected = "HOST:PORT, such as 127.0.0.1:6379"};
static const struct form form_command = {.fits = is_command, .expected = "a command for sh -c"};

// ---- the keys ----

#define AT(member) .offset = offsetof(struct settings, member)

static const struct key broker_keys[] = {
    {"address", &type_text, AT(address), .form = &form_broker, .help = "where the broker listens"},
    {"stop", &type_text, AT(stop), .form = &form_command, .help = "kills it"},
    {"pause", &type_text, AT(pause), .form = &form_command, .help = "makes it stand still"},
    {"resume", &type_text, AT(resume), .form = &form_command, .help = "lets it go on"},
    {"restart", &type_text, AT(restart), .form = &form_command, .help = "starts it again, empty"},
    {0},
};

static const struct key reload_keys[] = {
    {"change", &type_text, AT(change), .form = &form_command, .help = "what is `changed` becomes true"},
    {"spoil", &type_text, AT(spoil), .form = &form_command, .help = "makes a file that cannot be read"},
    {"restore", &type_text, AT(restore), .form = &form_command, .help = "all is as at first"},
    {0},
};

static const struct key settings_keys[] = {
    {"options", &type_options, AT(plugin), .fallback = "{}", .help = "the plugin's own, name: value"},
    {"broker", &type_section, 0, .keys = broker_keys, .help = "what the plugin connects to"},
    {"requests", &type_requests, AT(requests), .high = 1000, .keys = requests_keys,
     .help = "what an auth plugin is asked, and what it shall say"},
    {"authorize", &type_requests, AT(authorize), .high = 1000, .keys = requests_authorize_keys,
     .help = "and of operations"},
    {"backend", &type_section, 0, .keys = broker_keys, .help = "what an auth plugin asks, as broker"},
    {"reload", &type_section, 0, .keys = reload_keys, .help = "of the files that an auth plugin reads"},
    {0},
};
_Static_assert(offsetof(struct settings, plugin) == 0, "type_options sets a struct config_plugin");

// ---- reading ----

// One byte more than tree_parse takes, so that it sees a file that is too long.
bool settings_load(struct buf *text, const char *path, struct buf *errors) {
    FILE *file = fopen(path, "re");
    bool ok = file && buf_reserve(text, TREE_BYTES_MAX + 1);
    if (ok) {
        errno = 0;
        text->length = fread(text->data, 1, TREE_BYTES_MAX + 1, file);
        ok = !ferror(file);
    }
    if (!ok) {
        buf_printf(errors, "%s: found no readable file, expected one: %s\n", path, strerror(errno));
    }
    if (file) {
        fclose(file);
    }
    return ok;
}

static const struct section { // one of them is there
    const char *key;
    const char *whole, *host, *port; // of its address, in the environment
} sections[] = {
    {"broker", "BROKER", "BROKER_HOST", "BROKER_PORT"},
    {"backend", "BACKEND", "BACKEND_HOST", "BACKEND_PORT"},
};

static const struct section *find_section(const struct node *root) {
    return node_child(root, sections[1].key) ? &sections[1] : &sections[0];
}

static bool put_environment(const struct section *section, const char *address) {
    const char *colon = find_port(address);
    char *host = colon ? strndup(address, (size_t)(colon - address)) : NULL;
    bool ok = host && setenv(section->whole, address, 1) == 0 && setenv(section->host, host, 1) == 0 &&
              setenv(section->port, colon + 1, 1) == 0;
    free(host);
    return ok;
}

// The address may come from the environment itself, and the options may need it: it is read first.
static void publish_address(struct node *root, const char *broker, struct report *report) {
    const struct section *section = find_section(root);
    struct node *address = node_child(node_child(root, section->key), "address");
    if (address && address->kind == NODE_TEXT) {
        environment_substitute(address, report);
    }
    if (!broker && address && !address->refused && address->kind == NODE_TEXT && find_port(address->text)) {
        broker = address->text;
    }
    if (broker && !put_environment(section, broker)) {
        report_no_memory(report);
    }
}

static void read_tree(struct settings *settings, struct node *root, const char *broker,
                      struct report *report) {
    if (root->kind != NODE_MAP && !node_is_nothing(root)) {
        report_expected(report, root, "keys with values, such as options: {url: ...}");
        return;
    }
    publish_address(root, broker, report);
    environment_substitute(root, report);
    settings->section = find_section(root)->key;
    keys_read(settings_keys, root, settings, report);
}

static void check_sections(struct node *root, struct report *report) {
    struct node *backend = node_child(root, "backend");
    if (backend && node_child(root, "broker")) {
        report_value(report, backend,
                     "found both, expected broker of a broker plugin, or backend of an auth plugin");
    }
}

// What is changed is to be as it was for the next case.
static void check_reload(const struct settings *settings, struct node *root, struct report *report) {
    struct node *section = node_child(root, "reload");
    if (section && (settings->change || settings->spoil) && !settings->restore && report_is_empty(report)) {
        report_value(report, section, "found no restore, expected the command that undoes %s",
                     settings->change ? "change" : "spoil");
    }
}

// pause is of no use without resume, and the other way round.
static void check_pair(const struct settings *settings, struct node *root, struct report *report) {
    struct node *section = node_child(root, settings->section);
    if (section && (settings->pause == NULL) != (settings->resume == NULL) && report_is_empty(report)) {
        report_value(report, section, "found %s alone, expected pause and resume",
                     settings->pause ? "pause" : "resume");
    }
}

bool settings_read(struct settings *settings, const char *name, const struct buf *text, const char *broker,
                   struct buf *errors) {
    struct report report = {.name = name};
    *settings = (struct settings){.section = sections[0].key};
    struct node *root = text ? tree_parse(text->data ? text->data : "", text->length, &report) : NULL;
    if (root) {
        read_tree(settings, root, broker, &report);
        check_sections(root, &report);
        check_pair(settings, root, &report);
        check_reload(settings, root, &report);
    }
    tree_free(root);
    bool ok = report_is_empty(&report);
    report_finish(&report, errors);
    if (!ok) {
        settings_free(settings);
    }
    return ok;
}

void settings_free(struct settings *settings) {
    for (size_t i = 0; i < settings->plugin.option_count; i++) {
        free(settings->plugin.options[i].key);
        free(settings->plugin.options[i].value);
        free(settings->plugin.options[i].variable);
    }
    free(settings->plugin.options);
    free(settings->address);
    free(settings->stop);
    free(settings->pause);
    free(settings->resume);
    free(settings->restart);
    free(settings->change);
    free(settings->spoil);
    free(settings->restore);
    requests_free(&settings->requests);
    requests_free(&settings->authorize);
    *settings = (struct settings){0};
}
