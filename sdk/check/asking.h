// SPDX-License-Identifier: MIT
// The plugin's slot check, asked as `wshub check` asks it: under a host that has the log, the options and the
// timeout, and nothing else.
#pragma once

#include <stdbool.h>

#include "check.h"
#include "util/buf.h"

struct options;

// Options as the configuration has them, but for one of another value; NULL: the plugin's declaration does
// not let it through, and `errors` says why. To be freed with options_free.
struct options *asking_options(struct check *check, const char *name, const char *value, struct buf *errors);

bool asking_can(struct check *check); // there is a slot check

struct asked {        // zeroed: not asked yet
    int status;       // what it returned
    unsigned refused; // options
    char option[65];  // the first of them
    char expected[256];
    bool undeclared;  // one of them is not an option of this plugin
    bool complained;  // logged a warning or an error
    struct buf lines; // everything that it logged and expected, a line each
};

// Asks, and gives the answer the form above. `host_size`: the struct_size that the host claims, of a table
// that ends in front of a page that cannot be read; 0: all of it. Without a slot check: WSHUB_OK.
void asking_check(struct check *check, const struct options *options, uint32_t host_size,
                  struct asked *asked);
void asked_free(struct asked *asked);

// What the contract says of every answer: a status of the enum; WSHUB_OK and nothing refused, or an error
// and the option, or at least a reason. Fails the case; `what` says what was asked.
void asked_expect_clear(struct check *check, const struct asked *asked, const char *what);
