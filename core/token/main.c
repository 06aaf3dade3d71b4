// SPDX-License-Identifier: MIT
// wshub-token: makes, shows and checks tokens, with the objects of the plugin jwt.
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "token_tool.h"

static const struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
} verbs[] = {{"create", create_command}, {"inspect", inspect_command}, {"verify", verify_command}};

static error_t parse(int key, char *argument, struct argp_state *state) {
    const struct verb **verb = state->input;
    if (key == ARGP_KEY_NO_ARGS) {
        argp_error(state, "no verb: there are create, inspect and verify");
    }
    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, argument) == 0) {
            *verb = &verbs[i];
            state->next = state->argc; // the rest is the verb's
            return 0;
        }
    }
    argp_error(state, "no such verb: '%s'; there are create, inspect and verify", argument);
    return 0;
}

int main(int argc, char **argv) {
    static const char doc[] = "Make, show and check JSON Web Tokens, as the plugin jwt takes them.\v"
                              "Verbs:\n"
                              "  create   print a new token\n"
                              "  inspect  show what a token says, without checking it\n"
                              "  verify   say whether a hub would let it in\n\n"
                              "`wshub token VERB --help` says more.";
    const struct argp argp = {.parser = parse, .args_doc = "VERB [OPTION...]", .doc = doc};
    const struct verb *verb = NULL;
    char name[64];
    int position = 1;
    argp_program_version = "wshub-token " WSHUB_VERSION;
    argp_err_exit_status = TOKEN_USAGE;
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &verb);
    while (position < argc && strcmp(argv[position], verb->name) != 0) {
        position++;
    }
    snprintf(name, sizeof name, "wshub token %s", verb->name);
    argv[position] = name;
    return verb->run(argc - position, argv + position);
}
