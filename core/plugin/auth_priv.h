// SPDX-License-Identifier: MIT
// Shared by auth.c and auth_host.c; nobody else's.
#pragma once

#include <stdatomic.h>

#include "plugin/auth.h"
#include "plugin/host.h"

struct auth_call {
    struct call head;
    struct auth_reply reply;
    struct identity *identity; // that the plugin has told for it: a reference, or NULL
    const char *fault;         // a constant: it told one that cannot be used, and so nobody is let in
    char *explanation;         // or NULL
};

struct auth {
    struct plugin_host host;
    const struct wshub_auth *table;
    void *self; // the plugin's
    struct auth_stats stats;
    uint64_t elsewhere;       // ns that the slot which is running was left for those who wait for answers
    unsigned slow_told;       // bits by slot
    atomic_bool invalid_told; // an identity that breaks the rules
};

// Adds the services that auth plugins alone have.
void auth_host_init(struct auth *auth);
void auth_host_take(struct plugin_host *host, struct host_mail *mail); // a host_mail_fn
