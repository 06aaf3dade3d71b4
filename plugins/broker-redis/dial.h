/* SPDX-License-Identifier: MIT
 * Connects to an endpoint: resolves it, then tries its addresses in turn. */
#ifndef REDIS_DIAL_H
#define REDIS_DIAL_H

#include "connection.h"
#include "resolve.h"

struct dial {
    struct resolver *resolver;
    struct connection *connection;
    struct tls *tls; /* NULL: without */
    /* No address has worked, and the reason of the last. The owner is the connection's. */
    void (*on_failed)(void *owner, const char *reason);

    /* private */
    const char *name;
    struct address addresses[RESOLVE_MOST];
    size_t count, at;
};

/* The endpoint is borrowed until it is connected or has failed. The connection's on_open follows when it is
 * there; may fail before it returns. */
void dial_begin(struct dial *dial, const struct endpoint *endpoint);
/* The connection was lost before it was of any use: tries the next address, or fails with this reason. */
void dial_again(struct dial *dial, const char *reason);
/* Where the connection leads. */
const struct address *dial_address(const struct dial *dial);

#endif
