/* SPDX-License-Identifier: MIT
 * What the driver's thread is given to do: by the hub thread, a slot's arguments; by threads of nats.c, what
 * the server said. Made by one thread, then owned by the driver's. */
#ifndef NATS_JOB_H
#define NATS_JOB_H

#include <nats/nats.h>
#include <stdbool.h>

#include "wshub/wshub.h"

struct note;
struct tail;

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
    JOB_MARK,      /* what session_mark has sent is back */
    JOB_LOST,      /* channel: the library has dropped messages */
    JOB_LAME_DUCK, /* the server is about to stop */
    JOB_CLOSED,    /* the connection is; payload: why */
    JOB_KINDS
};

struct answer;
struct driver;
struct stream;

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

    /* while it goes through several steps */
    void (*then)(struct driver *driver, struct job *job, struct stream *stream, int status);
    uint64_t since;        /* when the buckets must be known, clock_ms */
    unsigned at;           /* the bucket that it is looked for in */
    struct stream *bucket; /* registry.c's: which that is, and what comes when it is known to be whole */
    void (*step)(struct driver *driver, struct job *job);
    void (*looked)(struct driver *driver, void *job, const struct answer *answer);
    bool again;          /* it was tried once */
    bool widened;        /* its home was asked once to remember ids for longer */
    int status;          /* that it will end with */
    struct stream *home; /* where it belongs */
    unsigned era;        /* of a history: of its home, when it was sent there */
    uint64_t age;        /* of what was found, ns since 1970; 0: nothing was */
    uint64_t oldest, newest;
    struct note *found;
    struct tail *tail; /* history.c's */

    char bytes[];
};

/* Copies what the message points to. NULL: no memory. */
struct job *job_new(enum job_kind kind, wshub_token token, const struct wshub_message *message);
void job_free(struct job *job);

#endif
