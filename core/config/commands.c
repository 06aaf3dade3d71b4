// SPDX-License-Identifier: MIT
#include "config/commands.h"

#include <errno.h>
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

static void put_summary(struct buf *out, const struct config *config) {
    for (size_t i = 0; i < config->listen.count; i++) {
        buf_printf(out, "%s%s", i == 0 ? "listens on " : ", ", config->listen.items[i]);
    }
    for (size_t i = 0; i < config->brokers.count; i++) {
        const struct config_plugin *broker = &config->brokers.items[i];
        buf_printf(out, "%s%s (%s)", i == 0 ? "; brokers: " : ", ", broker->name, broker->plugin);
    }
    buf_printf(out, "; clients: %s\n",
               config->auth.mode == CONFIG_AUTH_NONE ? "everyone is let in"
                                                : "everyone on this machine is let in");
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
