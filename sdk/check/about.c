// SPDX-License-Identifier: MIT
#include "about.h"

#include <stdio.h>
#include <string.h>

#include "asking.h"
#include "check_priv.h"
#include "plugin/capabilities.h"
#include "util/buf.h"

static bool as_json;

void about_set(bool json) {
    as_json = json;
}

static void put_capabilities(struct buf *out, uint32_t claimed, const char *quote, const char *between) {
    size_t count = 0;
    for (const struct capability *each = capabilities; each->name; each++) {
        if (claimed & each->bit) {
            buf_printf(out, "%s%s%s%s", count++ ? between : "", quote, each->name, quote);
        }
    }
}

static void put_json(struct buf *out, const struct plugin *plugin) {
    const struct wshub_plugin *about = &plugin->about;
    buf_puts(out, "{\"file\":");
    buf_json_string(out, plugin->file, strlen(plugin->file));
    buf_puts(out, ",\"name\":");
    buf_json_string(out, about->name, strlen(about->name));
    buf_puts(out, ",\"version\":");
    buf_json_string(out, about->version, strlen(about->version));
    buf_printf(out, ",\"abi\":\"%u.%u\",\"capabilities\":[", (unsigned)about->abi_major,
               (unsigned)about->abi_minor);
    put_capabilities(out, plugin->about.broker ? plugin->broker.capabilities : 0, "\"", ",");
    buf_puts(out, "]}");
}

static void put_line(struct buf *out, const struct plugin *plugin) {
    const struct wshub_plugin *about = &plugin->about;
    buf_printf(out, "plugin %s %s (%s), ABI %u.%u, ", about->name, about->version, plugin->file,
               (unsigned)about->abi_major, (unsigned)about->abi_minor);
    uint32_t claimed = about->broker ? plugin->broker.capabilities : 0;
    put_capabilities(out, claimed, "", " ");
    buf_puts(out, about->auth ? (claimed ? " auth" : "auth") : claimed ? "" : "no capabilities");
}

static void run(struct check *check) {
    struct buf text = {0};
    (as_json ? put_json : put_line)(&text, &check->plugin);
    if (text.failed || text.length >= sizeof check->outcome->text) {
        check_fail(check, "%s: found a path too long for the report", check->plugin.file);
    }
    snprintf(check->outcome->text, sizeof check->outcome->text, "%.*s", (int)text.length, text.data);
    buf_free(&text);
}

const struct check_case about_case = {"about", "the plugin loads, and takes its options", run, 0, 0, 0};

// A wrong option would fail every case in its own way, and none would say where it stands.
static void refuse(struct check *check) {
    struct asked asked;
    asking_check(check, check_options(check), 0, &asked);
    if (asked.status == WSHUB_INVALID && asked.refused > 0 && !asked.undeclared) {
        check_refuse_option(check, asked.option, asked.expected);
    }
    asked_free(&asked);
}

const struct check_case about_options = {
    "about-options", "the plugin's own check takes its options", refuse, 0, 0, 0};
