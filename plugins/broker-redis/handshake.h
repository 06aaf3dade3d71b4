/* SPDX-License-Identifier: MIT
 * What is said first on every connection: AUTH, SELECT, ROLE where a master is wanted, a PING whose answer
 * proves that the server is willing to serve, and CLIENT SETNAME. All in one write. */
#ifndef REDIS_HANDSHAKE_H
#define REDIS_HANDSHAKE_H

#include "connection.h"
#include "settings.h"

struct handshake {
    struct connection *connection;
    const struct account *account;
    char name[96];                 /* of the connection, as CLIENT LIST shows it; "": none */
    bool master;                   /* it must be one */
    bool sentinel;                 /* for the Sentinels say that it is; else who may not ask goes on */
    void (*on_ready)(void *owner); /* the connection's owner */
};

/* In the connection's on_open. on_ready follows, or the loss of the connection with the server's refusal. */
void handshake_begin(struct handshake *handshake);

#endif
