/* SPDX-License-Identifier: MIT
 * The streams of JetStream that this plugin uses: a bucket for each TTL of the registry, a stream for each
 * size and TTL of histories. Made when they are first needed. On the driver's thread. */
#ifndef NATS_STREAMS_H
#define NATS_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "subject.h"

struct driver;
struct job;

enum { STREAMS_MOST = 64, STREAM_NAME = 128, STREAM_EPOCH = 16 + 1 };

struct stream {
    bool history;       /* or registry */
    uint64_t size, ttl; /* messages of one channel, of a history; ms */
    char name[STREAM_NAME];
    char head[STREAM_NAME]; /* of its subjects, with the dot; of a history with its epoch */

    bool whole; /* of a bucket, in this session: the server has made all of it (registry.c) */

    /* of a history */
    char epoch[STREAM_EPOCH];
    unsigned era;    /* counts its epochs */
    uint64_t last;   /* the newest offset that there was, as far as this hub knows */
    uint64_t acked;  /* that this hub's last publish has got */
    uint64_t window; /* for so long it remembers ids; ms */

    /* private */
    bool ready, asked;
    bool known;                /* of a history: that this is its newest generation, in this session */
    uint64_t generation, over; /* the one that there is, or was; and one that it takes the place of, or 0 */
    uint64_t found, listed;    /* while it is looked for: the newest generation, and names so far */
    uint64_t wanted, refused;  /* for so long it should, and for so long the server would not; ms */
    struct job *first, *last_job; /* that wait for it */
};

struct streams {
    struct stream *all[STREAMS_MOST];
    unsigned count;
    uint64_t listed; /* when the server was last asked for all buckets; 0: never */
    bool listing;
    struct job *first, *last; /* that wait for the list */
};

typedef void (*streams_fn)(struct driver *driver, struct job *job, struct stream *stream, int status);

/* NULL: no memory, or too many. */
struct stream *streams_get(struct driver *driver, bool history, uint64_t size, uint64_t ttl);
/* The nth bucket of the registry, from 0; NULL: there are fewer. */
struct stream *streams_bucket(struct driver *driver, unsigned n);

/* Calls then once the stream is there, or with what was wrong; at once when it is known to be there. */
void streams_ensure(struct driver *driver, struct stream *stream, struct job *job, streams_fn then);
/* It is not there any more, or not the same. */
void streams_doubt(struct stream *stream);
/* Calls then once all buckets that there were at `since` (of clock_ms) are known. */
void streams_list(struct driver *driver, uint64_t since, struct job *job, streams_fn then);

void streams_on_lost(struct driver *driver); /* the session; after requests_fail */
void streams_free(struct streams *streams);

#endif
