// SPDX-License-Identifier: MIT
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "token_tool.h"

enum { KEY_ENV = 1000, KEY_FILE, KEY_BASE64, TOKEN_MOST = 64 * 1024 };

static const struct argp_option options[] = {
    {"secret-env", KEY_ENV, "NAME", 0, "the environment variable that holds the secret, for HS256 and so on",
     1},
    {"secret-file", KEY_FILE, "FILE", 0, "the file that holds it; a line feed at its end does not count", 1},
    {"secret-base64", KEY_BASE64, NULL, 0, "the secret is written in base64", 1},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    struct secret_source *source = state->input;
    switch (key) {
    case KEY_ENV:
        source->variable = argument;
        return 0;
    case KEY_FILE:
        source->file = argument;
        return 0;
    case KEY_BASE64:
        source->base64 = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp secret_argp = {.options = options, .parser = parse};

bool secret_is_said(const struct secret_source *source) {
    return source->variable || source->file;
}

static char *from_environment(const char *name, size_t *length) {
    const char *value = getenv(name);
    char *secret = value && *value ? strdup(value) : NULL;
    if (!secret) {
        fprintf(stderr, "found no environment variable %s with a value, expected the secret in it\n", name);
        return NULL;
    }
    *length = strlen(secret);
    return secret;
}

char *secret_read(const struct secret_source *source, size_t *length) {
    if (source->variable) {
        return from_environment(source->variable, length);
    }
    char *secret = file_read(source->file, length);
    if (!secret) {
        fprintf(stderr, "%s: found no file that can be read (%s), expected the secret in it\n", source->file,
                strerror(errno));
        return NULL;
    }
    if (*length > 0 && secret[*length - 1] == '\n') {
        secret[--*length] = 0;
    }
    return secret;
}

char *token_input(const char *argument) {
    if (strcmp(argument, "-") != 0) {
        return strdup(argument);
    }
    char *line = malloc(TOKEN_MOST);
    if (line) {
        size_t length = fread(line, 1, TOKEN_MOST - 1, stdin);
        line[length] = 0;
        line[strcspn(line, "\r\n")] = 0;
    }
    return line;
}
