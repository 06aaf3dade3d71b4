// SPDX-License-Identifier: MIT
#include "asking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_priv.h"
#include "host/edge.h"
#include "host/memory.h"
#include "host/peer.h"
#include "plugin/options.h"

// What `self` of this host is.
struct asking {
    struct check *check;
    const struct options *options;
    struct asked *asked;
};

// ---- options ----

struct options *asking_options(struct check *check, const char *name, const char *value, struct buf *errors) {
    static const struct options_place place = {"kit", "plugin", 1, 1};
    const struct config_plugin *from = &check->settings.plugin;
    struct config_option *items = calloc(from->option_count + 1, sizeof *items);
    struct config_plugin with = *from;
    if (!items) {
        check_fail(check, "the kit has no memory left");
    }
    with.options = items;
    with.option_count = 0;
    for (size_t i = 0; i < from->option_count; i++) {
        if (!name || strcmp(from->options[i].key, name) != 0) {
            items[with.option_count++] = from->options[i];
        }
    }
    if (name) { // borrowed by this reading only
        items[with.option_count++] = (struct config_option){
            .key = (char *)(uintptr_t)name, .value = (char *)(uintptr_t)value, .line = 1, .column = 1};
    }
    struct options *options = options_read(&check->plugin.about, &with, &place, errors);
    free(items);
    return options;
}

// ---- the host ----

static void add_line(struct asked *asked, const char *text) {
    buf_puts(&asked->lines, text);
    buf_puts(&asked->lines, "\n");
}

static void host_log(void *self, enum wshub_log_level level, const char *text) {
    struct asking *asking = self;
    enum memory_side side = memory_enter(MEMORY_OF_KIT);
    asking->asked->complained |= level >= WSHUB_LOG_WARN;
    add_line(asking->asked, text);
    memory_enter(side);
}

static const char *host_option_text(void *self, const char *name) {
    const struct asking *asking = self;
    return options_text(asking->options, name);
}

static uint64_t host_option_number(void *self, const char *name) {
    const struct asking *asking = self;
    return options_number(asking->options, name);
}

static bool is_declared(const struct wshub_plugin *plugin, const char *name) {
    for (uint32_t i = 0; i < plugin->option_count; i++) {
        if (strcmp(plugin->options[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void host_option_refuse(void *self, const char *name, const char *expected) {
    const struct asking *asking = self;
    struct asked *asked = asking->asked;
    enum memory_side side = memory_enter(MEMORY_OF_KIT);
    if (asked->refused++ == 0) {
        snprintf(asked->option, sizeof asked->option, "%s", name);
        snprintf(asked->expected, sizeof asked->expected, "%s", expected ? expected : "");
    }
    asked->undeclared |= !is_declared(check_plugin(asking->check), name);
    add_line(asked, expected ? expected : "");
    memory_enter(side);
}

// ---- asking ----

// Of the broker, and of the auth table; NULL: it has none.
static int (*asking_slot(struct check *check, size_t index))(const struct wshub_host *host) {
    const struct wshub_broker *broker = check_broker(check);
    const struct wshub_auth *auth = check_auth(check);
    return index == 0 ? (broker ? broker->check : NULL) : (auth ? auth->check : NULL);
}

bool asking_can(struct check *check) {
    return asking_slot(check, 0) || asking_slot(check, 1);
}

void asking_check(struct check *check, const struct options *options, uint32_t host_size,
                  struct asked *asked) {
    struct asking asking = {check, options, asked};
    const struct wshub_host host = {
        .struct_size = host_size ? host_size : sizeof host,
        .abi_minor = host_size ? 0 : WSHUB_ABI_MINOR,
        .self = &asking,
        .instance_id = "check",
        .name = "kit",
        .log = host_log,
        .option_text = host_option_text,
        .option_number = host_option_number,
        .option_refuse = host_option_refuse,
        .timeout = check_scaled(PEER_TIMEOUT),
    };
    struct edge edge;
    const struct wshub_host *lent = edge_put(check, &edge, &host, host.struct_size);
    *asked = (struct asked){0};
    for (size_t i = 0; i < 2 && asked->status == WSHUB_OK; i++) {
        int (*slot)(const struct wshub_host *host) = asking_slot(check, i);
        if (slot) {
            check_enter(check, "check");
            enum memory_side side = memory_enter(MEMORY_OF_PLUGIN);
            asked->status = slot(lent);
            memory_enter(side);
            check_leave(check);
        }
    }
    edge_free(&edge);
}

void asked_free(struct asked *asked) {
    buf_free(&asked->lines);
}

void asked_expect_clear(struct check *check, const struct asked *asked, const char *what) {
    if (asked->status > WSHUB_OK || asked->status < WSHUB_NOT_FOUND) {
        check_fail(check, "check returned %d %s: that is no enum wshub_status", asked->status, what);
    }
    if (asked->undeclared) {
        check_fail(check, "check refused the option \"%s\" %s: it declares none of that name", asked->option,
                   what);
    }
    if (asked->refused > 0 && asked->status == WSHUB_OK) {
        check_fail(check, "check refused \"%s\" %s, and returned WSHUB_OK", asked->option, what);
    }
    if (asked->refused > 0 && asked->expected[0] == '\0') {
        check_fail(check, "check refused \"%s\" %s, and did not say what it expected", asked->option, what);
    }
    if (asked->status != WSHUB_OK && asked->refused == 0 && !asked->complained) {
        check_fail(check, "check returned %d %s: it named no option with option_refuse, and logged no reason",
                   asked->status, what);
    }
}
