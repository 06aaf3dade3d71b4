// SPDX-License-Identifier: MIT
// The same way as in the hub, from the options to the verdict.
#include <argp.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config/config.h"
#include "fetch.h"
#include "judge.h"
#include "jwk.h"
#include "plugin/options.h"
#include "setup.h"
#include "token_tool.h"
#include "util/buf.h"
#include "wshub/wshub.h"

enum { KEY_OPTION = 3000 }; // and the option's place among the plugin's

struct verify {
    const char *config, *name, *token;
    struct secret_source secret;
    char *values[SETTINGS_OPTIONS]; // said on the command line, or NULL
    bool any;                       // of them

    struct config from; // of config
    struct options_place place;
    struct options *options;
    struct buf errors;
    struct wshub_host host;
};

// ---- the command line

static bool is_secret(const struct wshub_option *option) {
    return strcmp(option->name, "secret") == 0 || strcmp(option->name, "secret_base64") == 0;
}

static void fill_options(struct argp_option list[], char names[][32]) {
    size_t count = 0;
    list[count++] = (struct argp_option){"config", 'c', "FILE", 0, "take the options of its plugin jwt", 0};
    list[count++] = (struct argp_option){"name", 'n', "NAME", 0, "which one, where `auth` has several", 0};
    for (int i = 0; i < SETTINGS_OPTIONS; i++) {
        const struct wshub_option *option = &settings_options[i];
        if (is_secret(option)) {
            continue;
        }
        snprintf(names[i], 32, "%s", option->name);
        for (char *at = names[i]; (at = strchr(at, '_'));) {
            *at = '-';
        }
        list[count++] = (struct argp_option){names[i], KEY_OPTION + i, "VALUE", 0, option->help, 2};
    }
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    struct verify *verify = state->input;
    if (key >= KEY_OPTION && key < KEY_OPTION + SETTINGS_OPTIONS) {
        verify->values[key - KEY_OPTION] = argument;
        verify->any = true;
    } else if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = &verify->secret;
    } else if (key == 'c') {
        verify->config = argument;
    } else if (key == 'n') {
        verify->name = argument;
    } else if (key == ARGP_KEY_ARG && !verify->token) {
        verify->token = argument;
    } else if (key == ARGP_KEY_ARG) {
        argp_error(state, "too many arguments: one token at a time");
    } else if (key == ARGP_KEY_NO_ARGS) {
        argp_error(state, "no token: give it, or - to read it from the standard input");
    } else if (key == ARGP_KEY_END) {
        if (verify->config && (verify->any || secret_is_said(&verify->secret))) {
            argp_error(state, "found --config and options of the plugin, expected one of the two");
        }
    } else {
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

// ---- a host with options, and nothing else

static void host_log(void *self, enum wshub_log_level level, const char *text) {
    (void)self;
    fprintf(stderr, "%s: %s\n", level >= WSHUB_LOG_WARN ? "warning" : "note", text);
}

static const char *host_option_text(void *self, const char *name) {
    return options_text(((struct verify *)self)->options, name);
}

static uint64_t host_option_number(void *self, const char *name) {
    return options_number(((struct verify *)self)->options, name);
}

static void host_refuse(void *self, const char *name, const char *expected) {
    struct verify *verify = self;
    options_refuse(verify->options, name, expected, &verify->place, &verify->errors);
}

// ---- where the options come from

static bool is_jwt(const char *plugin) {
    const char *slash = strrchr(plugin, '/');
    return strcmp(plugin, "jwt") == 0 || (slash && strcmp(slash, "/jwt.so") == 0);
}

static const struct config_plugin *find_entry(struct verify *verify, char entry[32]) {
    for (size_t i = 0; i < verify->from.auth.count; i++) {
        const struct config_plugin *plugin = &verify->from.auth.items[i];
        if (is_jwt(plugin->plugin) && (!verify->name || strcmp(verify->name, plugin->name) == 0)) {
            snprintf(entry, 32, "auth[%zu]", i);
            return plugin;
        }
    }
    buf_printf(&verify->errors,
               "%s: found no plugin jwt%s%s under `auth`, expected one to take the options of\n",
               verify->config, verify->name ? " called " : "", verify->name ? verify->name : "");
    return NULL;
}

static bool read_config(struct verify *verify) {
    char entry[32];
    if (!config_load(&verify->from, verify->config, &verify->errors)) {
        return false;
    }
    const struct config_plugin *plugin = find_entry(verify, entry);
    if (plugin) {
        verify->place = (struct options_place){verify->config, strdup(entry), plugin->line, plugin->column};
        verify->options = options_read(wshub_plugin_entry(), plugin, &verify->place, &verify->errors);
    }
    return verify->options;
}

static void set_value(struct verify *verify, const char *name, char *value) {
    for (int i = 0; i < SETTINGS_OPTIONS; i++) {
        if (strcmp(settings_options[i].name, name) == 0) {
            verify->values[i] = value;
        }
    }
}

static void read_values(struct verify *verify) {
    struct config_option said[SETTINGS_OPTIONS] = {0};
    struct config_plugin plugin = {.options = said};
    for (int i = 0; i < SETTINGS_OPTIONS; i++) {
        if (verify->values[i]) {
            said[plugin.option_count++] = (struct config_option){
                .key = (char *)(uintptr_t)settings_options[i].name, .value = verify->values[i]};
        }
    }
    verify->place = (struct options_place){"wshub token verify", strdup("jwt"), 0, 0};
    verify->options = options_read(wshub_plugin_entry(), &plugin, &verify->place, &verify->errors);
}

static bool read_flags(struct verify *verify) {
    size_t length = 0;
    char *secret = NULL;
    if (secret_is_said(&verify->secret)) {
        secret = secret_read(&verify->secret, &length);
        if (!secret) {
            return false;
        }
        set_value(verify, verify->secret.base64 ? "secret_base64" : "secret", secret);
    }
    read_values(verify);
    if (secret) {
        OPENSSL_cleanse(secret, length);
    }
    free(secret);
    return verify->options;
}

// ---- keys from a url

// NULL: they could not be had, which was said.
static struct keys *fetch_keys(const struct settings *settings) {
    const struct fetch_setup setup = {settings->jwks_url, settings->jwks_ca_file, settings->jwks_proxy,
                                      settings->jwks_timeout};
    struct fetch *fetch = fetch_new(&setup);
    struct keys *keys = keys_new();
    struct fetch_result fetched = {.why = "out of memory"};
    struct jwks_result result = {.wrong = NULL};
    if (fetch && keys) {
        fetch_get(fetch, &fetched);
    }
    if (fetched.text) {
        jwks_read(&result, keys, fetched.text, fetched.length, false);
    }
    if (!fetched.text || result.used == 0) {
        fprintf(stderr, "the keys at jwks_url cannot be had: %s\n",
                !fetched.text  ? fetched.why
                : result.wrong ? result.wrong
                : result.why   ? result.why
                               : "there are none");
        keys_unref(keys);
        keys = NULL;
    }
    free(fetched.text);
    fetch_free(fetch);
    return keys;
}

// ---- the answer

static void show_bytes(const char *title, struct wshub_bytes bytes) {
    if (bytes.length > 0) {
        json_t *text = json_stringn(bytes.data, bytes.length);
        char *shown = json_dumps(text, JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
        printf("%-11s %s\n", title, shown ? shown : "");
        free(shown);
        json_decref(text);
    }
}

static void show_grants(const struct wshub_identity *identity) {
    for (uint64_t i = 0; i < identity->grant_count; i++) {
        char verbs[64] = "";
        for (size_t v = 0; v < SETTINGS_VERBS; v++) {
            if (identity->grants[i].verbs & settings_verbs[v].verb) {
                snprintf(verbs + strlen(verbs), sizeof verbs - strlen(verbs), "%s%s", *verbs ? "+" : "",
                         settings_verbs[v].name);
            }
        }
        show_bytes(verbs, identity->grants[i].pattern);
    }
}

static int show_verdict(const struct verdict *verdict, uint64_t now) {
    const struct wshub_identity *identity = &verdict->mapping.identity;
    char expires[SHOWN_TIME] = "never";
    if (verdict->status != WSHUB_OK) {
        printf("no: %s\n", verdict->why);
        return verdict->status == WSHUB_NO_MEMORY ? TOKEN_USAGE : TOKEN_NO;
    }
    puts("yes");
    if (identity->user.length == 0) {
        puts("user        (anonymous)");
    }
    show_bytes("user", identity->user);
    show_bytes("token id", identity->token_id);
    show_bytes("info", identity->info);
    show_grants(identity);
    if (identity->expires) {
        show_time(expires, (double)identity->expires / 1000, now);
    }
    printf("%-11s %s\n", "expires", expires);
    return TOKEN_OK;
}

static int decide(const struct settings *settings, struct keys *const sets[2], const char *token) {
    const uint64_t now = clock_wall_ms();
    struct verdict verdict;
    judge(&verdict, settings, (const struct keys *const *)sets, token, strlen(token), now);
    int code = show_verdict(&verdict, now);
    verdict_free(&verdict);
    return code;
}

static int run(struct verify *verify, const char *token) {
    struct settings settings;
    struct keys *sets[2] = {NULL, NULL};
    int code = TOKEN_USAGE;
    if (!(verify->config ? read_config(verify) : read_flags(verify)) ||
        setup_read(&verify->host, &settings, &sets[0]) != WSHUB_OK) {
        return TOKEN_USAGE;
    }
    if (settings.jwks_url) {
        sets[1] = fetch_keys(&settings);
    }
    if (!settings.jwks_url || sets[1]) {
        code = decide(&settings, sets, token);
    }
    keys_unref(sets[0]);
    keys_unref(sets[1]);
    return code;
}

int verify_command(int argc, char **argv) {
    static struct argp_option list[SETTINGS_OPTIONS + 3];
    static char names[SETTINGS_OPTIONS][32];
    struct verify verify = {.host = {.struct_size = sizeof verify.host,
                                     .abi_minor = WSHUB_ABI_MINOR,
                                     .log = host_log,
                                     .option_text = host_option_text,
                                     .option_number = host_option_number,
                                     .option_refuse = host_refuse}};
    const struct argp_child children[] = {{&secret_argp, 0, NULL, 0}, {0}};
    const struct argp argp = {
        .options = list,
        .parser = parse,
        .children = children,
        .args_doc = "TOKEN",
        .doc =
            "Say whether a hub would let a token in, as whom, and what for.\vThe options are those of the "
            "plugin; "
            "lists have blanks between their items. TOKEN may be - for the standard input, where nobody else "
            "on the machine sees it. Exit: 0 yes, 1 no, 2 it cannot be said."};
    fill_options(list, names);
    verify.host.self = &verify;
    argp_parse(&argp, argc, argv, 0, NULL, &verify);
    char *token = token_input(verify.token);
    int code = token ? run(&verify, token) : TOKEN_USAGE;
    fprintf(stderr, "%.*s", (int)verify.errors.length, verify.errors.data ? verify.errors.data : "");
    free(token);
    free((char *)(uintptr_t)verify.place.entry);
    options_free(verify.options);
    config_free(&verify.from);
    buf_free(&verify.errors);
    return code;
}
