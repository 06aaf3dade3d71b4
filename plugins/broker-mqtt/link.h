/* SPDX-License-Identifier: MIT
 * The link to the server: finds it, connects, tells the host, and begins anew with growing pauses when it is
 * lost. Each connection is a new session; the hub makes its subscriptions anew. */
#ifndef MQTT_LINK_H
#define MQTT_LINK_H

#include "client.h"
#include "resolve.h"
#include "settings.h"
#include "tls.h"

enum { LINK_TOLD = 4 };

enum link_phase { LINK_WAITING, LINK_RESOLVING, LINK_CONNECTING, LINK_UP };

struct link {
    const struct wshub_host *host;
    const struct settings *settings;
    struct client client; /* its owner is this link */

    /* private */
    enum link_phase phase;
    struct resolver *resolver;
    struct tls *tls;
    struct resolved addresses[RESOLVE_MOST];
    size_t count, at;
    struct wshub_timer *pause, *first_word;
    uint64_t up_since;
    unsigned failures;                   /* in a row */
    char told[LINK_TOLD][CLIENT_REASON]; /* reasons, since it was last up */
    unsigned told_count;
    bool said; /* the host has heard of it */
};

/* Fills in a zeroed struct. The client's hooks get the link. WSHUB_OK; WSHUB_NO_MEMORY; WSHUB_INVALID: the
 * log says why. On an error, link_free is still due. */
int link_init(struct link *link, const struct wshub_host *host, const struct settings *settings,
              const struct client_hooks *hooks, const char *will);
void link_start(struct link *link);
void link_free(struct link *link);

static inline bool link_is_up(const struct link *link) {
    return link->phase == LINK_UP && link->client.open;
}
/* The connection is of use: tells the host. */
void link_ready(struct link *link);
/* The client's on_lost. */
void link_on_lost(struct link *link, const char *reason);

#endif
