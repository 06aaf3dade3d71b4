/* SPDX-License-Identifier: MIT
 * The options of this plugin, read once at open. Texts are borrowed from the host or owned by `url`. */
#ifndef REDIS_SETTINGS_H
#define REDIS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "url.h"
#include "wshub/host.h"
#include "wshub/option.h"

enum { SENTINELS_MOST = 16 };

/* A server to be dialled. */
struct endpoint {
    bool unix_socket;
    char *host; /* or path; owned */
    unsigned port;
};

/* Who to be on a server. */
struct account {
    const char *username, *password; /* NULL: none */
    int database;                    /* 0: the one that every connection begins with */
};

struct settings {
    struct url url;
    struct endpoint server; /* host is url's */
    bool tls;
    const char *tls_ca, *tls_cert, *tls_key; /* NULL: not said */
    struct account account, sentinel_account;
    struct endpoint sentinels[SENTINELS_MOST];
    unsigned sentinel_count;     /* 0: the server of the url is used */
    const char *sentinel_master; /* its name there */
    struct wshub_bytes prefix;
    bool envelope;
    bool lossless;                                             /* a restart of the server loses nothing */
    uint64_t timeout, keepalive, reconnect_min, reconnect_max; /* ms */
};

enum { SETTINGS_OPTIONS = 18 };
extern const struct wshub_option settings_options[SETTINGS_OPTIONS];

/* WSHUB_OK; WSHUB_INVALID after option_refuse was called for each option that does not make sense;
 * WSHUB_NO_MEMORY. On an error nothing is kept. */
int settings_read(struct settings *settings, const struct wshub_host *host);
void settings_free(struct settings *settings);

#endif
