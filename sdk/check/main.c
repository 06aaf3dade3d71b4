// SPDX-License-Identifier: MIT
// wshub-plugin-check: the command line of the conformance kit.
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "about.h"
#include "host/memory.h"
#include "results.h"
#include "runner.h"
#include "util/random.h"

enum { EXIT_WRONG = 1, EXIT_USAGE = 2, ONLY_MAX = 256 };
enum { KEY_ONLY = 256, KEY_LIST, KEY_JSON, KEY_SEED, KEY_IN_PROCESS };

struct arguments {
    struct run run;
    const char *only[ONLY_MAX]; // cases and groups; none: all
    size_t only_count;
    char *path; // of a plugin that was named as a file of this folder; else NULL
    bool list, json, seeded;
};

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "the plugin's options, and how its broker is reached and handled", 0},
    {"only", KEY_ONLY, "CASE", 0, "this case, or the cases of this group; may be said again", 0},
    {"list", KEY_LIST, NULL, 0, "print every case, and run none", 0},
    {"json", KEY_JSON, NULL, 0, "one JSON object instead of lines", 0},
    {"seed", KEY_SEED, "N", 0, "of what is random: the same one gives the same run", 0},
    {"in-process", KEY_IN_PROCESS, NULL, 0, "run the one case of --only without a process of its own", 0},
    {0},
};

static void take_only(struct arguments *arguments, const char *name, struct argp_state *state) {
    if (!cases_knows(name)) {
        const char *nearest = cases_nearest(name);
        argp_error(state, "found no case '%s', expected %s%s", name, nearest ? nearest : "one of --list",
                   nearest ? " perhaps" : "");
    }
    if (arguments->only_count == ONLY_MAX) {
        argp_error(state, "too many --only");
    }
    arguments->only[arguments->only_count++] = name;
}

static void take_seed(struct arguments *arguments, const char *text, struct argp_state *state) {
    char *end;
    errno = 0;
    arguments->run.seed = strtoull(text, &end, 10);
    arguments->seeded = true;
    if (text[0] < '0' || text[0] > '9' || *end || errno == ERANGE) {
        argp_error(state, "found the seed '%s', expected a whole number below 2^64", text);
    }
}

// `plugin-check mine.so` means the file, where a name would be looked for in the hub's folders.
static void take_plugin(struct arguments *arguments, const char *plugin, struct argp_state *state) {
    size_t length = strlen(plugin);
    bool is_file = length > 3 && strcmp(plugin + length - 3, ".so") == 0 && !strchr(plugin, '/');
    if (arguments->run.plugin) {
        argp_error(state, "too many arguments: one plugin at a time");
    }
    if (is_file && asprintf(&arguments->path, "./%s", plugin) < 0) {
        argp_error(state, "out of memory");
    }
    arguments->run.plugin = is_file ? arguments->path : plugin;
}

static void check_all(struct arguments *arguments, struct argp_state *state) {
    if (arguments->list) {
        return;
    }
    if (!arguments->run.plugin) {
        argp_error(state, "say which plugin: a path to its .so, or a name");
    }
    if (arguments->run.in_process && arguments->only_count != 1) {
        argp_error(state, "--in-process runs one case: say which with --only");
    }
    if (arguments->run.in_process && cases_is_group(arguments->only[0])) {
        argp_error(state, "found the group '%s' for --in-process, expected the name of a case",
                   arguments->only[0]);
    }
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->run.config = argument;
        return 0;
    case KEY_ONLY:
        take_only(arguments, argument, state);
        return 0;
    case KEY_LIST:
        arguments->list = true;
        return 0;
    case KEY_JSON:
        arguments->json = true;
        return 0;
    case KEY_SEED:
        take_seed(arguments, argument, state);
        return 0;
    case KEY_IN_PROCESS:
        arguments->run.in_process = true;
        return 0;
    case ARGP_KEY_ARG:
        take_plugin(arguments, argument, state);
        return 0;
    case ARGP_KEY_END:
        check_all(arguments, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .args_doc = "PLUGIN",
    .doc = "Checks a plugin against the contract of the wshub plugin ABI.\v"
           "PLUGIN is a path to a .so, or a name as `wshub plugins` lists it. Exit code 0: it conforms, "
           "though there may be warnings; 1: a case has failed or crashed, or it cannot be loaded; 2: the "
           "command line or the configuration is wrong.",
};

static bool is_wanted(const struct arguments *arguments, const struct case_at *at) {
    for (size_t i = 0; i < arguments->only_count; i++) {
        if (strcmp(arguments->only[i], at->group->name) == 0 ||
            strcmp(arguments->only[i], at->item->name) == 0) {
            return true;
        }
    }
    return arguments->only_count == 0;
}

// ---- in a process each ----

static bool run_one(const struct arguments *arguments, const struct case_at *at, struct outcome *outcome,
                    struct results *results) {
    struct buf heard = {0};
    bool ok = runner_run(&arguments->run, at->item, outcome, &heard);
    if (ok) {
        results_add(results, at, outcome, &heard);
    } else {
        perror("wshub-plugin-check: no process could be made");
    }
    buf_free(&heard);
    return ok;
}

static int run_all(const struct arguments *arguments, struct outcome *outcome, struct results *results) {
    bool ok = true;
    for (struct case_at at = {0}; ok && cases_next(&at);) {
        ok = !is_wanted(arguments, &at) || run_one(arguments, &at, outcome, results);
    }
    ok = results_end(results) && ok;
    bool wrong = results->counts[VERDICT_FAIL] + results->counts[VERDICT_CRASHED] > 0;
    return !ok ? EXIT_USAGE : wrong ? EXIT_WRONG : EXIT_SUCCESS;
}

// A path that is wrong is the caller's mistake; a file that is wrong is the plugin's.
static int say_unloadable(const struct arguments *arguments, const struct outcome *outcome) {
    struct stat status;
    bool is_plugins =
        outcome->verdict == VERDICT_CRASHED ||
        (outcome->unloadable && stat(arguments->run.plugin, &status) == 0 && S_ISREG(status.st_mode));
    fprintf(stderr, "%s\n", outcome->text);
    return is_plugins ? EXIT_WRONG : EXIT_USAGE;
}

// ---- in this one ----

static void on_end(void *context, const struct check_case *item, struct outcome *outcome) {
    struct results *results = context;
    for (struct case_at at = {0}; cases_next(&at);) {
        if (at.item == item) {
            results_add(results, &at, outcome, &(struct buf){0});
        }
    }
    results_end(results);
}

static int run_here(struct arguments *arguments, struct outcome *outcome, struct results *results) {
    struct run *run = &arguments->run;
    results_begin(results, run, NULL);
    run->on_end = on_end;
    run->on_end_context = results;
    for (struct case_at at = {0}; cases_next(&at);) {
        if (is_wanted(arguments, &at)) {
            check_run(run, at.item, outcome);
        }
    }
    return EXIT_USAGE;
}

static bool load_config(struct run *run) {
    struct buf errors = {0};
    bool ok = !run->config || settings_load(&run->text, run->config, &errors);
    fprintf(stderr, "%.*s", (int)errors.length, errors.data ? errors.data : "");
    buf_free(&errors);
    return ok;
}

// What is asked in front of all cases; EXIT_SUCCESS: there is something to run.
static int ask(struct arguments *arguments, struct outcome *outcome, struct results *results) {
    const struct run *run = &arguments->run;
    about_set(arguments->json);
    if (!runner_ask(run, &about_case, outcome)) {
        perror("wshub-plugin-check: no process could be made");
        return EXIT_USAGE;
    }
    if (outcome->verdict != VERDICT_PASS) {
        return say_unloadable(arguments, outcome);
    }
    const struct outcome about = *outcome;
    if (run->config && runner_ask(run, &about_options, outcome) && outcome->verdict == VERDICT_FAIL) {
        fprintf(stderr, "%s\n", outcome->text);
        return EXIT_USAGE;
    }
    results_begin(results, run, &about);
    return EXIT_SUCCESS;
}

static int run_apart(struct arguments *arguments, struct outcome *outcome, struct results *results) {
    int code = ask(arguments, outcome, results);
    return code == EXIT_SUCCESS ? run_all(arguments, outcome, results) : code;
}

static int check(struct arguments *arguments) {
    struct outcome *outcome = outcome_new();
    struct results results = {
        .file = stdout, .json = arguments->json, .colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
    if (!outcome) {
        perror("wshub-plugin-check: no memory left");
        return EXIT_USAGE;
    }
    int code = (arguments->run.in_process ? run_here : run_apart)(arguments, outcome, &results);
    outcome_free(outcome);
    return code;
}

int main(int argc, char **argv) {
    struct arguments arguments = {0};
    memory_enter(MEMORY_OF_KIT);
    argp_program_version = "wshub-plugin-check " WSHUB_VERSION;
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.list) {
        results_list(stdout);
        return EXIT_SUCCESS;
    }
    if (!arguments.seeded) {
        arguments.run.seed = random_u64() >> 32; // short enough to be typed
    }
    int code = load_config(&arguments.run) ? check(&arguments) : EXIT_USAGE;
    buf_free(&arguments.run.text);
    free(arguments.path);
    return code;
}
