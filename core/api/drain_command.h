// SPDX-License-Identifier: MIT
// `wshub drain`: orders a drain of a running instance over its server API, or takes it back.
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct drain_command {
    const char *config;  // the instance's; NULL: ./wshub.yaml
    const char *url;     // where it is; NULL: the first `listen` of its configuration
    const char *key_env; // the environment variable with a key; NULL: the first of `api.keys`
    bool cancel;
    bool wait; // until it is gone
};

// Returns the exit code: 0 done, 1 refused or not reached, 2 told or configured wrongly.
int drain_command(const struct drain_command *command, FILE *out, FILE *err);
