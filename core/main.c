// SPDX-License-Identifier: MIT
// The command line: a table of verbs, each with its own options.
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/drain_command.h"
#include "config/commands.h"
#include "config/config.h"
#include "plugin/check.h"
#include "plugin/commands.h"
#include "serve.h"
#include "util/buf.h"

enum { EXIT_USAGE = 2 };

struct arguments {
    const char *config; // -c; NULL: none was given
    bool defaults;      // --defaults
    const char *plugin; // which one `plugins` shall say all of; NULL: list them
    struct drain_command drain;
};

static error_t parse_config_option(int key, char *argument, struct argp_state *state) {
    struct arguments *arguments = state->input;
    if (key == 'c') {
        arguments->config = argument;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static error_t parse_plugins_option(int key, char *argument, struct argp_state *state) {
    struct arguments *arguments = state->input;
    if (key != ARGP_KEY_ARG) {
        return parse_config_option(key, argument, state);
    }
    if (arguments->plugin) {
        argp_error(state, "too many arguments: one plugin at a time");
    }
    arguments->plugin = argument;
    return 0;
}

static error_t parse_defaults_option(int key, char *argument, struct argp_state *state) {
    struct arguments *arguments = state->input;
    (void)argument;
    if (key == 'd') {
        arguments->defaults = true;
        return 0;
    }
    if (key == ARGP_KEY_END && !arguments->defaults) {
        argp_error(state, "say what to print: --defaults");
    }
    return ARGP_ERR_UNKNOWN;
}

static error_t parse_drain_option(int key, char *argument, struct argp_state *state) {
    struct drain_command *drain = &((struct arguments *)state->input)->drain;
    switch (key) {
    case 'c':
        drain->config = argument;
        return 0;
    case 'u':
        drain->url = argument;
        return 0;
    case 'k':
        drain->key_env = argument;
        return 0;
    case 'x':
        drain->cancel = true;
        return 0;
    case 'w':
        drain->wait = true;
        return 0;
    case ARGP_KEY_END:
        if (drain->cancel && drain->wait) {
            argp_error(state, "--wait is for a drain, not for taking one back");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option config_options[] = {
    {"config", 'c', "FILE", 0,
     "the configuration; without it ./wshub.yaml if there is one, else the defaults", 0},
    {0},
};

static const struct argp_option plugins_options[] = {
    {"config", 'c', "FILE", 0,
     "the configuration whose plugin_path is searched; without it ./wshub.yaml if there is one", 0},
    {0},
};

static const struct argp_option defaults_options[] = {
    {"defaults", 'd', NULL, 0, "every key with its default and what it is for, as YAML", 0},
    {0},
};

static const struct argp_option drain_options[] = {
    {"config", 'c', "FILE", 0,
     "the configuration of the instance, for its first address and first key; without it ./wshub.yaml", 0},
    {"url", 'u', "URL", 0, "where the instance is: http://HOST[:PORT] or unix:/path", 0},
    {"key-env", 'k', "NAME", 0, "the environment variable that holds a key of its API", 0},
    {"cancel", 'x', NULL, 0, "take the drain back: those who are still connected stay", 0},
    {"wait", 'w', NULL, 0, "say every second how it goes, until the instance is gone", 0},
    {0},
};

// ---- verbs ----

static int run_serve(const struct arguments *arguments) {
    struct config config;
    struct buf errors = {0};
    const char *path = arguments->config;
    if (!config_load_usual(&config, &path, plugins_check, &errors)) {
        fprintf(stderr, "%.*s", (int)errors.length, errors.data ? errors.data : "out of memory\n");
        buf_free(&errors);
        return EXIT_USAGE;
    }
    const struct log log = {.fd = STDERR_FILENO, .level = config.log.level, .format = config.log.format};
    log_info(&log, "starting", log_text("version", WSHUB_VERSION),
             log_text("config", path ? path : "defaults"));
    int code = serve(&config, &log);
    config_free(&config);
    buf_free(&errors);
    return code;
}

static int run_check(const struct arguments *arguments) {
    return config_check_command(arguments->config, plugins_check, stdout, stderr);
}

static int run_config(const struct arguments *arguments) {
    (void)arguments;
    return config_defaults_command(stdout);
}

static int run_plugins(const struct arguments *arguments) {
    return arguments->plugin ? plugins_show_command(arguments->plugin, arguments->config, stdout, stderr)
                             : plugins_list_command(arguments->config, stdout, stderr);
}

static int run_drain(const struct arguments *arguments) {
    return drain_command(&arguments->drain, stdout, stderr);
}

static const struct verb {
    const char *name;
    const char *help;
    int (*run)(const struct arguments *arguments);
    const struct argp_option *options;
    error_t (*parse)(int key, char *argument, struct argp_state *state);
    const char *arguments; // beside the options; NULL: none
    const char *program; // instead of all that: another program beside this one, which gets the command line
    const char *comes_with; // that program
} verbs[] = {
    {"serve", "Run the hub until SIGTERM or SIGINT, which drain it.", run_serve, config_options,
     parse_config_option, NULL, NULL, NULL},
    {"check", "Check a configuration and report every error in it.", run_check, config_options,
     parse_config_option, NULL, NULL, NULL},
    {"config", "Print the configuration that is built in.", run_config, defaults_options,
     parse_defaults_option, NULL, NULL, NULL},
    {"plugins",
     "List the plugins that are found, or print one with all its options, as a configuration has them.\v"
     "PLUGIN is a name, or a path to a .so. Plugins are looked for in the folders of plugin_path (relative "
     "to "
     "the current directory), in `plugins` beside the program, and where they were installed. One that is "
     "broken is reported and does not change the exit code of the list.",
     run_plugins, plugins_options, parse_plugins_option, "[PLUGIN]", NULL, NULL},
    {"drain",
     "Drain a running instance over its server API, or take that back.\v"
     "The instance is not ready at once; after drain.delay it lets its clients go over drain.window, and "
     "then "
     "ends, as after SIGTERM. Exit code 1: it has refused, or cannot be reached.",
     run_drain, drain_options, parse_drain_option, NULL, NULL, NULL},
    {.name = "token", .program = "wshub-token", .comes_with = "the plugin jwt"},
    {.name = "plugin-check", .program = "wshub-plugin-check", .comes_with = "the SDK"},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

// Programs by themselves: the malloc of plugin-check is its own, and token has libraries of a plugin.
static int run_program(const struct verb *verb, char **argv) {
    const char *program = verb->program;
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - strlen(program) - 2);
    if (length > 0) {
        path[length] = '\0';
        strcpy(strrchr(path, '/') + 1, program);
        execv(path, argv);
    }
    fprintf(stderr,
            "%s: found no program that can be run (%s), expected it beside wshub: it is installed with %s\n",
            length > 0 ? path : program, strerror(errno), verb->comes_with);
    return EXIT_USAGE;
}

static int run_verb(const struct verb *verb, int argc, char **argv) {
    struct arguments arguments = {0};
    const struct argp argp = {
        .options = verb->options, .parser = verb->parse, .doc = verb->help, .args_doc = verb->arguments};
    char name[64];
    snprintf(name, sizeof name, "wshub %s", verb->name);
    argv[0] = name;
    if (verb->program) {
        return run_program(verb, argv);
    }
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    return verb->run(&arguments);
}

// ---- wshub itself ----

static error_t parse_top(int key, char *argument, struct argp_state *state) {
    const struct verb **verb = state->input;
    if (key == ARGP_KEY_NO_ARGS) {
        argp_usage(state);
    }
    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    for (int i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i].name, argument) == 0) {
            *verb = &verbs[i];
            state->next = state->argc; // the rest is the verb's
            return 0;
        }
    }
    argp_error(state,
               "no such verb: '%s'; there are serve, check, config, plugins, drain, token and plugin-check",
               argument);
    return 0;
}

int main(int argc, char **argv) {
    static const char doc[] = "A WebSocket hub for many instances.\v"
                              "Verbs:\n"
                              "  serve         run the hub\n"
                              "  check         check a configuration\n"
                              "  config        print the defaults\n"
                              "  plugins       list the plugins, or say all of one\n"
                              "  drain         drain a running instance, or take it back\n"
                              "  token         make, show and check tokens of the plugin jwt\n"
                              "  plugin-check  check a plugin against the contract\n\n"
                              "`wshub VERB --help` says more. With no configuration `wshub serve` listens on "
                              "http://127.0.0.1:8000/ with the memory broker and lets everybody in.";
    const struct verb *verb = NULL;
    int position = 0;
    argp_program_version = "wshub " WSHUB_VERSION;
    argp_err_exit_status = EXIT_USAGE;
    const struct argp argp = {.parser = parse_top, .args_doc = "VERB [OPTION...]", .doc = doc};
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, &position, &verb);
    for (position = 1; position < argc && strcmp(argv[position], verb->name) != 0; position++) {
    }
    return run_verb(verb, argc - position, argv + position);
}
