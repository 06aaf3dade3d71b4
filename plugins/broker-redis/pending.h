/* SPDX-License-Identifier: MIT
 * The replies that a connection still waits for, in the order of the commands: Redis answers in that order.
 */
#ifndef REDIS_PENDING_H
#define REDIS_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wshub/host.h"

struct redisReply;
struct pending;

/* The answer to a command. reply is NULL when the connection was lost or closed before; otherwise it is
 * borrowed. False: no answer to this command looks so, the connection is not to be trusted any more. */
typedef bool (*pending_fn)(void *owner, const struct pending *pending, const struct redisReply *reply);

struct pending {
    pending_fn fn;
    wshub_token token;
    void *work;     /* fn's: it frees it */
    uint64_t since; /* ms; set by the connection */
};

struct pendings {
    struct pending *ring;
    size_t first, count;
    size_t capacity; /* a power of two, or 0 */
};

/* Makes room for one more. False: no memory. */
bool pendings_reserve(struct pendings *pendings);
void pendings_push(struct pendings *pendings, struct pending pending); /* into room that was made */
struct pending pendings_pop(struct pendings *pendings);                /* there must be one */
const struct pending *pendings_first(const struct pendings *pendings); /* NULL: none */
void pendings_free(struct pendings *pendings);                         /* they are gone without a call */

#endif
