// SPDX-License-Identifier: MIT
#include "config/commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "util/buf.h"

static const char usual_path[] = "wshub.yaml";
static const char defaults_name[] = "built-in defaults";

// False: a write failed, or there was no memory for what was to be written.
static bool write_buf(const struct buf *buf, FILE *file) {
    if (buf->failed) {
        fputs("found no memory left, expected some\n", file);
        return false;
    }
    return fwrite(buf->data, 1, buf->length, file) == buf->length && fflush(file) == 0;
}

bool config_load_usual(struct config *config, const char **path, config_also_fn also, struct buf *errors) {
    // A wshub.yaml that is there and cannot be read is an error, not an absence.
    if (!*path) {
        *path = access(usual_path, F_OK) == 0 || errno != ENOENT ? usual_path : NULL;
    }
    bool ok = *path ? config_load(config, *path, errors) : config_read(config, defaults_name, "", 0, errors);
    if (ok && !also(config, *path ? *path : defaults_name, errors)) {
        config_free(config);
        ok = false;
    }
    return ok;
}

// `name (plugin)`, or `name` alone where they are the same.
static void put_plugin(struct buf *out, const struct config_plugin *plugin) {
    bool same = strcmp(plugin->name, plugin->plugin) == 0;
    buf_printf(out, same ? "%s" : "%s (%s)", plugin->name, plugin->plugin);
}

static void put_clients(struct buf *out, const struct config *config) {
    switch (config->auth.mode) {
    case CONFIG_AUTH_UNSAID:
        buf_puts(out, "everyone on this machine is let in");
        break;
    case CONFIG_AUTH_NONE:
        buf_puts(out, "everyone is let in");
        break;
    case CONFIG_AUTH_PLUGINS:
        for (size_t i = 0; i < config->auth.count; i++) {
            buf_puts(out, i == 0 ? "let in by " : ", else ");
            put_plugin(out, &config->auth.items[i]);
        }
        buf_puts(out, ", else refused");
        break;
    }
}

struct tally {
    size_t rules, histories, presences;
};

static struct tally count_rules(const struct config *config) {
    struct tally tally = {.rules = config->channels.count};
    for (size_t i = 0; i < config->channels.count; i++) {
        tally.histories += config->channels.items[i].history.size > 0;
        tally.presences += config->channels.items[i].presence != CONFIG_PRESENCE_OFF;
    }
    return tally;
}

static void put_channels(struct buf *out, const struct config *config) {
    struct tally tally = count_rules(config);
    if (tally.rules == 0) {
        return;
    }
    buf_printf(out, "; channels: %zu rule%s", tally.rules, tally.rules == 1 ? "" : "s");
    if (tally.histories > 0) {
        buf_printf(out, ", %zu with a history", tally.histories);
    }
    if (tally.presences > 0) {
        buf_printf(out, ", %zu with presence", tally.presences);
    }
}

static bool asks_for_grants(const struct config *config) {
    for (size_t i = 0; i < config->channels.count; i++) {
        const struct config_channel *channel = &config->channels.items[i];
        if (channel->subscribe == CONFIG_WHO_GRANTED || channel->publish == CONFIG_WHO_GRANTED) {
            return true;
        }
    }
    return false;
}

static bool only_star(const struct config *config) {
    for (size_t i = 0; i < config->origins.count; i++) {
        if (strcmp(config->origins.items[i], "*") != 0) {
            return false;
        }
    }
    return true;
}

// A cookie that nobody ever sees: see core/auth/query.c.
static void put_cookie_advice(struct buf *out, const struct config *config) {
    const char *cookie = config->credentials.cookie;
    if (config->auth.mode == CONFIG_AUTH_PLUGINS && cookie[0] != '\0' && only_star(config)) {
        buf_printf(
            out,
            "no page brings the cookie %s: of pages that only \"*\" in `origins` lets in cookies do not "
            "count; list the origins of yours\n",
            cookie);
    }
}

// Not wrong, but hardly what somebody wants who lets plugins grant.
static void put_advice(struct buf *out, const struct config *config) {
    if (config->auth.mode != CONFIG_AUTH_PLUGINS || asks_for_grants(config)) {
        return;
    }
    buf_printf(
        out,
        "every user may subscribe and publish to every channel%s; what the plugins grant counts where a "
        "rule says so: {match: \"*\", subscribe: granted, publish: granted}\n",
        config->channels.count > 0 ? " that no rule of `channels` keeps from them" : "");
}

static void put_summary(struct buf *out, const struct config *config) {
    for (size_t i = 0; i < config->listen.count; i++) {
        buf_printf(out, "%s%s", i == 0 ? "listens on " : ", ", config->listen.items[i]);
    }
    for (size_t i = 0; i < config->brokers.count; i++) {
        const struct config_plugin *broker = &config->brokers.items[i];
        buf_printf(out, "%s%s (%s)", i == 0 ? "; brokers: " : ", ", broker->name, broker->plugin);
    }
    buf_puts(out, "; clients: ");
    put_clients(out, config);
    put_channels(out, config);
    buf_puts(out, "\n");
    put_advice(out, config);
    put_cookie_advice(out, config);
}

static int say_ok(const char *path, const struct config *config, FILE *out) {
    struct buf text = {0};
    if (path) {
        buf_printf(&text, "%s: ok\n", path);
    } else {
        buf_printf(&text, "no %s here, %s: ok\n", usual_path, defaults_name);
    }
    put_summary(&text, config);
    bool ok = write_buf(&text, out);
    buf_free(&text);
    return ok ? CONFIG_EXIT_OK : CONFIG_EXIT_WRONG;
}

static int say_wrong(struct buf *errors, FILE *err) {
    size_t count = 0;
    for (size_t i = 0; i < errors->length; i++) {
        count += errors->data[i] == '\n';
    }
    buf_printf(errors, "%zu error%s\n", count, count == 1 ? "" : "s");
    write_buf(errors, err);
    return CONFIG_EXIT_WRONG;
}

int config_check_command(const char *path, config_also_fn also, FILE *out, FILE *err) {
    struct config config;
    struct buf errors = {0};
    int code;
    if (config_load_usual(&config, &path, also, &errors)) {
        code = say_ok(path, &config, out);
        config_free(&config);
    } else {
        code = say_wrong(&errors, err);
    }
    buf_free(&errors);
    return code;
}

int config_defaults_command(FILE *out) {
    struct buf text = {0};
    config_print_defaults(&text);
    bool ok = write_buf(&text, out);
    buf_free(&text);
    return ok ? CONFIG_EXIT_OK : CONFIG_EXIT_WRONG;
}
