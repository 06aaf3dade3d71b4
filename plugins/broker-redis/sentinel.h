/* SPDX-License-Identifier: MIT
 * Asks the Sentinels, one after the other, where the master is. */
#ifndef REDIS_SENTINEL_H
#define REDIS_SENTINEL_H

#include "connection.h"
#include "dial.h"
#include "handshake.h"
#include "settings.h"

/* Called once for each sentinel_ask. NULL: none of them knows; `why` says what the last one did. The endpoint
 * is borrowed until the next question. */
typedef void (*sentinel_fn)(void *context, const struct endpoint *master, const char *why);

struct sentinel {
    const struct settings *settings;
    struct connection connection;
    struct dial dial;
    struct handshake handshake;
    unsigned at;    /* who is asked first: the one that had an answer */
    unsigned tried; /* of this question */
    struct endpoint master;
    sentinel_fn fn;
    void *context;
};

/* Fills in a zeroed struct. Borrows all. False: no memory. */
bool sentinel_init(struct sentinel *sentinel, const struct wshub_host *host, const struct settings *settings,
                   struct resolver *resolver, struct tls *tls);
void sentinel_free(struct sentinel *sentinel);

/* One question at a time. */
void sentinel_ask(struct sentinel *sentinel, sentinel_fn fn, void *context);
/* Its answer led nowhere: another one is asked first next time. */
void sentinel_distrust(struct sentinel *sentinel);

#endif
