// SPDX-License-Identifier: MIT
// What a user of the kit tells about an auth plugin: requests and operations, with the decision that each is
// to get; entries of `requests` and `authorize` in the configuration (settings.h).
#pragma once

#include <stddef.h>

#include "config/config.h"
#include "config/keys.h"

// What a decision is expected to be. UNSAID is zero: of a key that is not there.
enum expectation {
    EXPECT_UNSAID,
    EXPECT_YES,
    EXPECT_NO,
    EXPECT_EXPIRED,
    EXPECT_PASS,
    EXPECT_FAILURE,
    EXPECT_NEVER_YES, // of what the kit itself has made up
};

struct requests_pair {
    char *name, *value;
};
struct requests_pairs {
    struct requests_pair *items;
    size_t count;
};

struct requests_entry {
    char *token;     // NULL: none, likewise the texts below
    unsigned source; // of the token: enum wshub_token_source
    struct requests_pairs headers, cookies;
    char *path, *query, *address, *protocol;
    struct config_strings subprotocols;
    unsigned expect;  // enum expectation
    unsigned changed; // the same, after `reload.change`
    unsigned away;    // and of an instance that has never reached its backend
    char *user;       // of the identity; "": anonymous
    unsigned verb;    // of `authorize` alone: enum wshub_verb
    char *name, *data;
    int line; // where the entry stands
};

struct requests { // zeroed: none
    struct requests_entry *items;
    size_t count;
};

extern const struct key requests_keys[], requests_authorize_keys[]; // of one entry
extern const struct type type_requests;                             // struct requests

void requests_free(struct requests *requests); // zeroed is fine
