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

// One broker of the configuration, under examination.
struct examination {
    const struct config_plugin *broker;
    struct options_place place;
    const struct plugin *plugin;
    const struct options *options;
    struct buf *errors;
    struct buf said; // what the plugin logged, to be shown when it is not content
    bool refused;    // an option
    uint64_t timeout;
    struct demands_broker *able; // out
};

static void refuse_plugin(const struct examination *it, int line, int column, const char *text) {
    struct report report = {.name = it->place.file};
    report_at(&report, line, column, "%s.plugin: %s", it->place.entry, text);
    report_finish(&report, it->errors);
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
    report_at(&report, it->broker->plugin_line, it->broker->plugin_column,
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
        .name = it->broker->name,
        .log = host_log,
        .option_text = host_option_text,
        .option_number = host_option_number,
        .option_refuse = host_option_refuse,
        .timeout = it->timeout,
    };
    int status = it->plugin->broker.check ? it->plugin->broker.check(&host) : WSHUB_OK;
    if (status != WSHUB_OK && !it->refused) {
        refuse_unnamed(it);
    }
    buf_free(&it->said);
    return status == WSHUB_OK && !it->refused;
}

static bool examine(struct examination *it, const struct folders *folders) {
    struct plugin plugin;
    struct buf why = {0};
    if (!plugin_load(&plugin, it->broker->plugin, folders->items, folders->count, &why)) {
        buf_append(&why, "", 1);
        refuse_plugin(it, it->broker->plugin_line, it->broker->plugin_column,
                      why.failed ? "found no memory left to load it" : why.data);
        buf_free(&why);
        return false;
    }
    struct options *options = options_read(&plugin.about, it->broker, &it->place, it->errors);
    it->plugin = &plugin;
    it->options = options;
    bool ok = options && ask(it);
    *it->able = demands_broker_of(&plugin);
    options_free(options);
    plugin_unload(&plugin);
    buf_free(&why);
    return ok;
}

bool plugins_check(const struct config *config, const char *name, struct buf *errors) {
    struct folders folders;
    if (!folders_make(&folders, &config->plugin_path)) {
        errors->failed = true;
        return false;
    }
    struct demands_broker able[CONFIG_BROKERS_MAX] = {{.capabilities = 0}};
    bool ok = true;
    uint32_t capabilities = 0;
    for (size_t i = 0; i < config->brokers.count; i++) {
        const struct config_plugin *broker = &config->brokers.items[i];
        char entry[32];
        snprintf(entry, sizeof entry, "brokers[%zu]", i);
        struct examination it = {
            .broker = broker,
            .place = {name, entry, broker->line, broker->column},
            .errors = errors,
            .timeout = config->timeouts.broker,
            .able = &able[i],
        };
        ok = examine(&it, &folders) && ok;
        capabilities |= able[i].capabilities;
    }
    folders_free(&folders);
    ok = demands_check(config, able, name, errors) && ok;
    if (ok && config->registry.enabled == CONFIG_REGISTRY_ON && !(capabilities & WSHUB_BROKER_REGISTRY)) {
        buf_printf(errors,
                   "%s: registry.enabled: found on, expected auto or off: none of these brokers can keep a "
                   "registry (wshub plugins lists those that can)\n",
                   name);
        ok = false;
    }
    return ok;
}
