// SPDX-License-Identifier: MIT
// jwt-driver NAME=VALUE...: the plugin jwt under the hub's half of an auth plugin, without a hub. Reads lines
// from stdin, and answers each with a line of JSON on stdout, in whatever order they are decided:
//     token TEXT          {"n":1,"status":"OK","user":"42","id":"","info":"","issued":0,"expires":0}
//                         {"n":1,"status":"DENIED","why":"..."}
//     none                the same for a request without a token
//     may N VERB NAME     {"may":true}: of the identity that answer N brought
//     reload
// The log goes to stderr as JSON. Ends with the end of stdin, whatever is under way: closed as a hub would.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/identity.h"
#include "config/config.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "loop/watch.h"
#include "plugin/auth.h"
#include "plugin/options.h"
#include "plugin/plugin.h"
#include "util/buf.h"
#include "util/log.h"

enum { ANSWERS_MOST = 65536, OPTIONS_MOST = 32, LINE_MOST = 256 * 1024, EXPIRE_EACH_MS = 100 };

struct driver {
    struct loop *loop;
    struct watch watch;
    struct auth *auth;
    struct buf input;
    size_t asked;
    struct identity *identities[ANSWERS_MOST];
};

static void must(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "jwt-driver: %s\n", what);
        exit(2);
    }
}

static const char *status_name(int status) {
    switch (status) {
#define STATUS_CASE(value, name, text) \
    case value:                        \
        return #name;
        WSHUB_STATUS_MAP(STATUS_CASE)
#undef STATUS_CASE
    }
    return "?";
}

static void put_span(struct buf *out, const char *name, struct span text) {
    buf_printf(out, ",\"%s\":", name);
    buf_json_string(out, text.data, text.length);
}

static void put(struct buf *line) {
    must(!line->failed && fwrite(line->data, 1, line->length, stdout) == line->length && fflush(stdout) == 0,
         "cannot write");
    buf_free(line);
}

static void on_answer(void *context, void *argument, int status, struct identity *identity,
                      const char *explanation) {
    struct driver *driver = context;
    size_t n = (size_t)(uintptr_t)argument;
    struct buf line = {0};
    buf_printf(&line, "{\"n\":%zu,\"status\":\"%s\"", n, status_name(status));
    if (identity) {
        put_span(&line, "user", identity_user(identity));
        put_span(&line, "id", identity_token_id(identity));
        put_span(&line, "info", identity_info(identity));
        buf_printf(&line, ",\"issued\":%" PRIu64 ",\"expires\":%" PRIu64, identity_issued(identity),
                   identity_expires(identity));
    }
    if (explanation) {
        put_span(&line, "why", (struct span){explanation, strlen(explanation)});
    }
    buf_puts(&line, "}\n");
    put(&line);
    driver->identities[n] = identity;
}

static void ask(struct driver *driver, const char *token) {
    const struct wshub_request request = {
        .struct_size = sizeof request,
        .token_source = token ? WSHUB_TOKEN_HEADER : WSHUB_TOKEN_NONE,
        .token = {token, token ? strlen(token) : 0},
    };
    must(++driver->asked < ANSWERS_MOST, "too many questions");
    auth_authenticate(driver->auth, &request,
                      (struct auth_reply){on_answer, driver, (void *)(uintptr_t)driver->asked});
}

static void answer_may(struct driver *driver, const char *text) {
    static const char *const verbs[] = {"subscribe", "publish", "presence", "history", "send"};
    size_t n;
    char verb[16];
    int used = 0;
    must(sscanf(text, "%zu %15s %n", &n, verb, &used) == 2 && n < ANSWERS_MOST, "expected: may N VERB NAME");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i], verb) == 0) {
            const struct span name = {text + used, strlen(text + used)};
            struct buf line = {0};
            buf_printf(&line, "{\"may\":%s}\n",
                       identity_may(driver->identities[n], (enum wshub_verb)(1 << i), name) ? "true"
                                                                                            : "false");
            put(&line);
        }
    }
}

static void obey(struct driver *driver, const char *line) {
    if (strncmp(line, "token ", 6) == 0) {
        ask(driver, line + 6);
    } else if (strncmp(line, "may ", 4) == 0) {
        answer_may(driver, line + 4);
    } else if (strcmp(line, "none") == 0) {
        ask(driver, NULL);
    } else {
        must(strcmp(line, "reload") == 0, "expected token, none, may or reload");
        auth_reload(driver->auth);
    }
}

static void on_input(void *context, int events, bool error) {
    struct driver *driver = context;
    struct buf *input = &driver->input;
    (void)events;
    (void)error;
    must(buf_reserve(input, LINE_MOST), "out of memory");
    ssize_t length = read(STDIN_FILENO, input->data + input->length, LINE_MOST);
    if (length <= 0) {
        loop_stop(driver->loop);
        return;
    }
    input->length += (size_t)length;
    size_t done = 0;
    for (char *end; (end = memchr(input->data + done, '\n', input->length - done));) {
        *end = 0;
        obey(driver, input->data + done);
        done = (size_t)(end - input->data) + 1;
    }
    memmove(input->data, input->data + done, input->length - done);
    input->length -= done;
}

static void on_time(void *context) {
    auth_expire(((struct driver *)context)->auth);
}

static void on_closed(void *context) {
    (void)context;
}

static struct options *read_options(const struct plugin *plugin, char **arguments, struct buf *errors) {
    struct config_option said[OPTIONS_MOST] = {0};
    struct config_plugin config = {.options = said};
    for (; *arguments; arguments++) {
        char *equals = strchr(*arguments, '=');
        must(equals && config.option_count < OPTIONS_MOST, "expected NAME=VALUE");
        *equals = 0;
        said[config.option_count++] = (struct config_option){.key = *arguments, .value = equals + 1};
    }
    return options_read(&plugin->about, &config, &(struct options_place){"driver", "jwt", 1, 1}, errors);
}

static void drive(struct driver *driver) {
    struct timer *timer = timer_new(driver->loop, on_time, driver);
    must(timer && watch_open(&driver->watch, driver->loop, STDIN_FILENO, on_input, driver) == 0 &&
             watch_set(&driver->watch, WSHUB_WATCH_READ) == 0,
         "cannot watch stdin");
    timer_start(timer, EXPIRE_EACH_MS, EXPIRE_EACH_MS);
    loop_run(driver->loop);
    timer_free(timer);
    watch_close(&driver->watch, on_closed);
}

int main(int argc, char **argv) {
    static struct driver driver;
    const struct log log = {.fd = STDERR_FILENO, .level = LOG_DEBUG, .format = LOG_JSON};
    const char *timeout = getenv("WSHUB_JWT_TIMEOUT"); // ms
    struct buf errors = {0};
    struct plugin plugin;
    (void)argc;
    driver.loop = loop_new();
    must(plugin_adopt(&plugin, wshub_plugin_entry(), "jwt.so", &errors), "the descriptor is not taken");
    struct options *options = read_options(&plugin, argv + 1, &errors);
    if (options) {
        driver.auth = auth_open(&(struct auth_setup){
            .name = "jwt",
            .instance_id = "driver",
            .plugin = &plugin,
            .options = options,
            .loop = driver.loop,
            .log = &log,
            .timeout = timeout ? strtoull(timeout, NULL, 10) : 5000,
        });
    }
    fprintf(stderr, "%.*s", (int)errors.length, errors.data ? errors.data : "");
    if (driver.auth) {
        drive(&driver);
    }
    const bool opened = driver.auth;
    auth_close(driver.auth);
    for (size_t i = 0; i <= driver.asked; i++) {
        identity_unref(driver.identities[i]);
    }
    buf_free(&driver.input);
    buf_free(&errors);
    options_free(options);
    plugin_unload(&plugin);
    loop_free(driver.loop);
    return opened ? 0 : 1;
}
