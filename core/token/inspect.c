// SPDX-License-Identifier: MIT
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "token_tool.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
    const char **token = state->input;
    if (key == ARGP_KEY_ARG && !*token) {
        *token = argument;
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        argp_error(state, "too many arguments: one token at a time");
    }
    if (key == ARGP_KEY_NO_ARGS) {
        argp_error(state, "no token: give it, or - to read it from the standard input");
    }
    return ARGP_ERR_UNKNOWN;
}

static int show(const char *text) {
    const char *dot = strchr(text, '.');
    const char *end = dot ? strchrnul(dot + 1, '.') : NULL;
    json_t *header = dot ? json_object_of_base64(text, (size_t)(dot - text)) : NULL;
    json_t *claims = dot ? json_object_of_base64(dot + 1, (size_t)(end - dot - 1)) : NULL;
    if (header) {
        show_json("header", header);
    }
    if (claims) {
        show_json("claims", claims);
        show_times(claims, clock_wall_ms());
    }
    if (header && claims) {
        puts("NOT VERIFIED: anybody can write this. `wshub token verify` says whether it is good.");
    } else {
        fprintf(stderr, "found no %s, expected a JWT: header.claims.signature, each in base64url\n",
                header ? "claims that are a JSON object with each name once"
                       : "header that is a JSON object with each name once");
    }
    const bool ok = header && claims;
    json_decref(header);
    json_decref(claims);
    return ok ? TOKEN_OK : TOKEN_USAGE;
}

int inspect_command(int argc, char **argv) {
    const char *argument = NULL;
    const struct argp argp = {
        .parser = parse,
        .args_doc = "TOKEN",
        .doc = "Show what a token says, without checking any of it.\vTOKEN may be - for the standard input, "
               "where nobody else on the machine sees it. Exit: 0, or 2 when it is no token."};
    argp_parse(&argp, argc, argv, 0, NULL, &argument);
    char *text = token_input(argument);
    int code = text ? show(text) : TOKEN_USAGE;
    free(text);
    return code;
}
