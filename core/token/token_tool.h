// SPDX-License-Identifier: MIT
// `wshub token`: what its verbs share. One thread; texts go to stdout, errors to stderr.
#pragma once

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOKEN_OK = 0, TOKEN_NO = 1, TOKEN_USAGE = 2 }; // exit codes

// Each is a whole command line behind `wshub token`, its own name first. The exit code.
int create_command(int argc, char **argv);
int inspect_command(int argc, char **argv);
int verify_command(int argc, char **argv);

// ---- input.c

// Where a secret comes from. Never the command line: everybody on the machine can read that.
struct secret_source {
    const char *variable; // of the environment; NULL: not said, here and below
    const char *file;
    bool base64;
};
extern const struct argp secret_argp; // a child, whose input is a struct secret_source
bool secret_is_said(const struct secret_source *source);

// All to be freed, and terminated. NULL: said on stderr.
char *secret_read(const struct secret_source *source, size_t *length); // as it stands, base64 not decoded
char *token_input(const char *argument); // the argument, or for "-" the first line of stdin

// ---- show.c

void show_json(const char *title, const json_t *value);
// exp, nbf, iat as people read them.
void show_times(const json_t *claims, uint64_t now); // ms since 1970
// "2026-11-22 16:40:00 UTC (in 1 hour)"
enum { SHOWN_TIME = 96 };
void show_time(char out[SHOWN_TIME], double seconds, uint64_t now);
