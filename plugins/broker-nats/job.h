/* SPDX-License-Identifier: MIT
 * What the driver's thread is given to do: by the hub thread, a slot's arguments; by threads of nats.c, what
 * the server said. Made by one thread, then owned by the driver's. */
#ifndef NATS_JOB_H
#define NATS_JOB_H

#include <nats/nats.h>
#include <stdbool.h>

#include "wshub/wshub.h"

enum job_kind {
    /* of the hub: each ends with its token completed */
    JOB_SUBSCRIBE,
    JOB_UNSUBSCRIBE,
    JOB_PUBLISH,
    JOB_SET,
    JOB_HEARTBEAT,
    JOB_DELETE,
    JOB_GET,
    JOB_LIST,
    JOB_HISTORY,
    /* of a session */
    JOB_ANSWER,    /* `answer` has come to an inbox */
    JOB_DENIED,    /* payload: the server's words */
    JOB_LOST,      /* channel: the library has dropped messages */
    JOB_LAME_DUCK, /* the server is about to stop */
    JOB_CLOSED,    /* the connection is; payload: why */
    JOB_KINDS
};

struct job {
    struct job *next;
    size_t size;
    enum job_kind kind;
    unsigned session; /* that it is of */
    wshub_token token;
    struct wshub_message
        message;  /* its bytes are the job's. Registry: channel is the key, payload the value */
    uint64_t ttl; /* registry: ms */
    struct wshub_history_query query; /* its channel is the message's */
    natsMsg *answer;                  /* owned */

    /* while it waits for the server to confirm it */
    uint64_t fence;
    bool denied;

    char bytes[];
};

/* Copies what the message points to. NULL: no memory. */
struct job *job_new(enum job_kind kind, wshub_token token, const struct wshub_message *message);
void job_free(struct job *job);

#endif
