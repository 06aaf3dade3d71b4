/* SPDX-License-Identifier: MIT
 * The servers of a cluster: those of the `url`, and those that they have told of. Tried in turn. Belongs to
 * the driver's thread once the broker is open. */
#ifndef NATS_SERVERS_H
#define NATS_SERVERS_H

#include <stdbool.h>

enum { SERVERS_MOST = 64, SERVER_PLACE = 280 };

struct server {
    char *host; /* without the brackets of IPv6; owned, as the two below */
    unsigned port;
    char *user, *password; /* NULL: none. A user without a password is a token */
    bool discovered;
};

struct servers {
    struct server all[SERVERS_MOST];
    unsigned count;
    bool tls; /* of all or of none */

    /* private */
    unsigned next, taken; /* its index; how many of this round are done */
};

extern const char SERVERS_NO_MEMORY[];

/* Reads into a zeroed struct. Returns NULL, or what was expected instead, or SERVERS_NO_MEMORY. servers_free
 * is due in any case. */
const char *servers_read(struct servers *servers, const char *text);
void servers_free(struct servers *servers);

/* Adds one that a server has told of, "nats://host:port", unless it is known or there are too many. */
void servers_add(struct servers *servers, const char *url);
/* Begins at any of them, so that many hubs do not all choose the first. */
void servers_shuffle(struct servers *servers, unsigned random);
/* The one whose turn it is; *last: it ends a round. Borrowed until servers_add or servers_free. */
const struct server *servers_take(struct servers *servers, bool *last);

/* host:port, for people and for URLs. */
void server_print(const struct server *server, char place[SERVER_PLACE]);

#endif
