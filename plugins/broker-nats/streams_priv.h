/* SPDX-License-Identifier: MIT
 * What streams.c and generations.c share. */
#ifndef NATS_STREAMS_PRIV_H
#define NATS_STREAMS_PRIV_H

#include "requests.h"
#include "streams.h"

enum { STREAMS_BODY = 1024, STREAMS_NANOSECONDS = 1000000 /* in a millisecond */ };

#define STREAMS_OTHER_SETTINGS "is there with other settings than this hub's, and is used as it is"

/* Asks the API of streams about this one: CREATE, INFO, ... */
void streams_ask(struct driver *driver, struct stream *stream, const char *verb, const char *body,
                 request_fn fn);
/* A line in the log: its name, and what is the matter with it. */
void streams_complain(struct driver *driver, const struct stream *stream, const char *what);
/* It is there, or what was wrong: those who wait for it go on. */
void streams_release(struct driver *driver, struct stream *stream, int status);

#endif
