/* SPDX-License-Identifier: MIT
 * One connection to one server, from connecting to its end, and what nats.c calls on its threads. nats.c may
 * try to reconnect by itself; this does not let it: it would give up after two refused logins, say no reason,
 * and hold its lock meanwhile. A session that ends is followed by another, which the driver makes.
 *
 * All functions are called on the driver's thread, and may block: connecting up to connect_timeout, the
 * others while a server that has stopped reading fills its buffers, at most SESSION_WRITE_MS. */
#ifndef NATS_SESSION_H
#define NATS_SESSION_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gate.h"
#include "order.h"
#include "queue.h"
#include "settings.h"
#include "subject.h"

enum { SESSION_REASON = 320, SESSION_INBOX = 128, SESSION_WRITE_MS = 2000 };

struct listener;

struct session {
    natsConnection *connection;
    unsigned number;
    char place[SERVER_PLACE];
    char inbox[SESSION_INBOX];   /* what the subjects of answers begin with, and a dot */
    atomic_uint_fast64_t fenced; /* the last number of session_fence that has come back */
    atomic_bool broken;          /* no memory for what the server said */
    atomic_bool waiting; /* messages wait for their predecessors: fences are to be sent until they do not */
    atomic_bool slow;    /* the library has dropped messages of a channel */
    atomic_bool discovered; /* the server has told of others */

    /* private */
    struct gate *gate;
    struct queue *queue;
    char head[SUBJECT_PREFIX_MOST + 2]; /* of the subjects of channels: the prefix and a dot */
    size_t head_length;
    char stored[SUBJECT_PREFIX_MOST + 16]; /* of those that histories are stored under */
    char fence[SESSION_INBOX + 8];         /* a subject */
    char mark[SESSION_INBOX + 8];          /* another */
    natsSubscription *answers, *marks;
    bool tainted;
    struct listener *holding; /* of the thread that delivers */
    pthread_mutex_t lock;
    pthread_cond_t gone;
    unsigned alive;               /* the connection and its subscriptions: who may still call */
    char refusal[SESSION_REASON]; /* that the server told before it closed the connection */
};

/* Connects and subscribes to the inbox; NULL: `why` says why not. */
struct session *session_open(struct gate *gate, const struct settings *settings, const struct server *server,
                             struct queue *queue, unsigned number, char why[SESSION_REASON]);
/* Waits until no thread of nats.c is in here any more. Its other subscriptions are the caller's to destroy,
 * before or after. */
void session_close(struct session *session);

/* What arrives is delivered to the hub. */
natsStatus session_subscribe(struct session *session, const char *subject, natsSubscription **subscription);
/* Sends a number that comes back into `fenced` once the server has read all that was sent before, and this
 * side has delivered all that came before. */
natsStatus session_fence(struct session *session, uint64_t number);
/* Why it cannot be written to, which may be noticed before JOB_CLOSED comes. */
void session_why_stuck(struct session *session, char why[SESSION_REASON]);
/* Whether the server has never refused anything: nobody has to wait for its words. */
bool session_is_clean(struct session *session);
/* Refusals are told on another thread than the one that brings the fence back. A mark goes the same way as
 * they do: when JOB_MARK comes, all refusals of what was sent before have come. One at a time. */
natsStatus session_mark(struct session *session);

#endif
