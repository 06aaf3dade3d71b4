// SPDX-License-Identifier: MIT
#include "plugin/check.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/report.h"
#include "plugin/demands.h"
#include "plugin/folders.h"
#include "plugin/options.h"
#include "plugin/plugin.h"
#include "util/buf.h"

// One plugin of the configuration, under examination.
struct examination {
    enum plugin_kind kind;
    const struct config_plugin *config;
    struct options_place place;
    const struct plugin *plugin;
    const struct options *options;
    struct buf *errors;
    struct buf said; // what the plugin logged, to be shown when it is not content
    bool refused;    // an option
    uint64_t timeout;
    struct demands_broker *able; // out; of a broker, else NULL
};

// Takes the text.
static void refuse_plugin(const struct examination *it, struct buf *why) {
    struct report report = {.name = it->place.file};
    buf_append(why, "", 1);
    report_at(&report, it->config->plugin_line, it->config->plugin_column, "%s.plugin: %s", it->place.entry,
              why->failed ? "found no memory left to load it" : why->data);
    report_finish(&report, it->errors);
    buf_free(why);
}

// ---- the host that a plugin's check sees: log and options, nothing else ----

static void host_log(void *self, enum wshub_log_level level, const char *text) {
    struct examination *it = self;
    if (level >= WSHUB_LOG_WARN) {
        buf_puts(&it->said, it->said.length > 0 ? ", " : "it says ");
        buf_json_string(&it->said, text, strlen(text)); // on one line, whatever it is
    }
}

static const char *host_option_text(void *self, const char *name) {
    struct examination *it = self;
    return options_text(it->options, name);
}

static uint64_t host_option_number(void *self, const char *name) {
    struct examination *it = self;
    return options_number(it->options, name);
}

static void host_option_refuse(void *self, const char *name, const char *expected) {
    struct examination *it = self;
    it->refused = true;
    options_refuse(it->options, name, expected, &it->place, it->errors);
}

// What a plugin refuses without naming an option.
static void refuse_unnamed(struct examination *it) {
    struct report report = {.name = it->place.file};
    if (it->said.length == 0) {
        buf_puts(&it->said, "it does not say why");
    }
    report_at(&report, it->config->plugin_line, it->config->plugin_column,
              "%s.options: found what plugin %s refuses, expected other options: %s", it->place.entry,
              it->plugin->about.name, report_text(&report, &it->said));
    report_finish(&report, it->errors);
}

static bool ask(struct examination *it) {
    const struct wshub_host host = {
        .struct_size = sizeof host,
        .abi_minor = WSHUB_ABI_MINOR,
        .self = it,
        .instance_id = "check",
        .name = it->config->name,
        .log = host_log,
        .option_text = host_option_text,
        .option_number = host_option_number,
        .option_refuse = host_option_refuse,
        .timeout = it->timeout,
    };
    int (*check)(const struct wshub_host *host) =
        it->kind == PLUGIN_BROKER ? it->plugin->broker.check : it->plugin->auth.check;
    int status = check ? check(&host) : WSHUB_OK;
    if (status != WSHUB_OK && !it->refused) {
        refuse_unnamed(it);
    }
    buf_free(&it->said);
    return status == WSHUB_OK && !it->refused;
}

static bool examine_options(struct examination *it) {
    struct options *options = options_read(&it->plugin->about, it->config, &it->place, it->errors);
    it->options = options;
    bool ok = options && ask(it);
    options_free(options);
    return ok;
}

static bool examine(struct examination *it, const struct folders *folders) {
    struct plugin plugin;
    struct buf why = {0};
    if (!plugin_load(&plugin, it->config->plugin, folders->items, folders->count, &why)) {
        refuse_plugin(it, &why);
        return false;
    }
    it->plugin = &plugin;
    bool fits = plugin_is(&plugin, it->kind, &why);
    if (!fits) {
        refuse_plugin(it, &why);
    } else if (it->able) {
        *it->able = demands_broker_of(&plugin);
    }
    bool ok = fits && examine_options(it);
    plugin_unload(&plugin);
    buf_free(&why);
    return ok;
}

// `able`: as many as there are, or NULL.
static bool examine_all(enum plugin_kind kind, const struct config_plugin *items, size_t count,
                        struct examination it, const struct folders *folders, struct demands_broker *able) {
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        struct examination each = it;
        char entry[32];
        snprintf(entry, sizeof entry, "%s[%zu]", kind == PLUGIN_BROKER ? "brokers" : "auth", i);
        each.kind = kind;
        each.config = &items[i];
        each.place = (struct options_place){it.place.file, entry, items[i].line, items[i].column};
        each.able = able ? &able[i] : NULL;
        ok = examine(&each, folders) && ok;
    }
    return ok;
}

static bool check_registry(const struct config *config, const struct demands_broker *able, const char *name,
                           struct buf *errors) {
    uint32_t capabilities = 0;
    for (size_t i = 0; i < config->brokers.count; i++) {
        capabilities |= able[i].capabilities;
    }
    if (config->registry.enabled != CONFIG_REGISTRY_ON || capabilities & WSHUB_BROKER_REGISTRY) {
        return true;
    }
    buf_printf(errors,
               "%s: registry.enabled: found on, expected auto or off: none of these brokers can keep a "
               "registry (wshub plugins lists those that can)\n",
               name);
    return false;
}

bool plugins_check(const struct config *config, const char *name, struct buf *errors) {
    struct folders folders;
    if (!folders_make(&folders, &config->plugin_path)) {
        errors->failed = true;
        return false;
    }
    struct demands_broker able[CONFIG_BROKERS_MAX] = {{.capabilities = 0}};
    struct examination broker = {.errors = errors, .place.file = name, .timeout = config->timeouts.broker};
    struct examination auth = {.errors = errors, .place.file = name, .timeout = config->timeouts.auth};
    bool ok =
        examine_all(PLUGIN_BROKER, config->brokers.items, config->brokers.count, broker, &folders, able);
    ok = examine_all(PLUGIN_AUTH, config->auth.items, config->auth.count, auth, &folders, NULL) && ok;
    folders_free(&folders);
    ok = demands_check(config, able, name, errors) && ok;
    return ok && check_registry(config, able, name, errors);
}
