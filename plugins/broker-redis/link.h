/* SPDX-License-Identifier: MIT
 * The link: a publisher and a subscriber connection to one server, both or none. Finds the server, connects,
 * tells the host, and begins anew with growing pauses when either is lost. */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include "connection.h"
#include "dial.h"
#include "handshake.h"
#include "sentinel.h"
#include "settings.h"
#include "tls.h"

enum { LINK_TOLD = 4 };

enum link_phase { LINK_WAITING, LINK_SEEKING, LINK_CONNECTING, LINK_UP };

struct link {
    const struct wshub_host *host;
    const struct settings *settings;
    struct connection publisher, subscriber; /* their owner is this link */
    void (*on_up)(struct link *link);        /* before the host is told */

    /* private */
    enum link_phase phase;
    struct resolver *resolver;
    struct tls *tls;
    struct sentinel sentinel;
    struct dial dial; /* of the publisher; the subscriber goes to the same address */
    struct connection_hooks publisher_hooks, subscriber_hooks;
    struct handshake publisher_handshake, subscriber_handshake;
    bool publisher_ready; /* now the subscriber */
    struct wshub_timer *pause, *first_word;
    uint64_t up_since;
    unsigned failures;                       /* in a row */
    char told[LINK_TOLD][CONNECTION_REASON]; /* reasons, since it was last up */
    unsigned told_count;
    bool said; /* the host has heard of it */
};

/* Fills in a zeroed struct. `on_push` is the subscriber's. WSHUB_OK; WSHUB_NO_MEMORY; WSHUB_INVALID: the log
 * says why. On an error, link_free is still due. */
int link_init(struct link *link, const struct wshub_host *host, const struct settings *settings,
              bool (*on_push)(void *link, const redisReply *reply), void (*on_up)(struct link *link));
void link_start(struct link *link);
void link_free(struct link *link);

static inline bool link_is_up(const struct link *link) {
    return link->phase == LINK_UP;
}
/* Gives up the connections, tells why, and reconnects. */
void link_lose(struct link *link, const char *reason);
/* Likewise, from a server that was the master and is not: it is not taken again unless it is one. */
void link_lose_master(struct link *link, const char *reason);

#endif
