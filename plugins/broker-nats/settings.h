/* SPDX-License-Identifier: MIT
 * The options of this plugin, read once at open. Texts are borrowed from the host, those of servers are
 * owned. */
#ifndef NATS_SETTINGS_H
#define NATS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "servers.h"
#include "wshub/host.h"
#include "wshub/option.h"

struct settings {
    struct servers servers;
    const char *user, *password, *token; /* NULL: not said, as all texts but prefix, name and inbox */
    const char *nkey, *nkey_seed;        /* a public key; the file of its seed */
    const char *credentials;             /* a file */
    const char *tls_ca, *tls_cert, *tls_key, *tls_name;
    bool tls_verify;
    const char *prefix, *name, *inbox;
    uint64_t connect_timeout, timeout, ping_interval, reconnect_wait, reconnect_jitter; /* ms */
    bool jetstream, memory;
    unsigned replicas;
};

enum { SETTINGS_OPTIONS = 22 };
extern const struct wshub_option settings_options[SETTINGS_OPTIONS];

/* WSHUB_OK; WSHUB_INVALID after option_refuse was called for each option that does not make sense;
 * WSHUB_NO_MEMORY. On an error nothing is kept. */
int settings_read(struct settings *settings, const struct wshub_host *host);
void settings_free(struct settings *settings);

#endif
