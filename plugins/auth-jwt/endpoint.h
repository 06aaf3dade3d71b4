/* SPDX-License-Identifier: MIT
 * The keys behind jwks_url, on a thread of their own: fetched at the start, every jwks_refresh, and when a
 * token names one that is not known, but then at most once in jwks_cooldown. The last good ones stay when it
 * fails; then it is tried again after a second, two, four, and so on up to jwks_cooldown. */
#ifndef JWT_ENDPOINT_H
#define JWT_ENDPOINT_H

#include "fetch.h"
#include "pool.h"

struct keys;
struct wshub_host;

enum endpoint_answer {
    ENDPOINT_WAIT,        /* the job was taken: it is given back once there is something new */
    ENDPOINT_AGAIN,       /* there is something new already */
    ENDPOINT_ABSENT,      /* there is no such key */
    ENDPOINT_UNAVAILABLE, /* nobody can know now */
};

/* The endpoint's thread gives back what has waited. `fetched`: what was fetched since is good. */
typedef void (*endpoint_fn)(void *context, struct job *job, bool fetched);

struct endpoint_setup {            /* borrowed until endpoint_free */
    const struct wshub_host *host; /* for its log */
    struct fetch_setup fetch;
    uint64_t refresh, cooldown; /* ms */
    endpoint_fn give_back;
    void *context;
};

struct endpoint *endpoint_new(const struct endpoint_setup *setup); /* NULL: no memory, no thread */
/* Ends the thread. Gives back what waits, a list. */
struct job *endpoint_stop(struct endpoint *endpoint);
void endpoint_free(struct endpoint *endpoint); /* after endpoint_stop; NULL is fine */

/* ---- any thread ---- */

struct keys *endpoint_keys(struct endpoint *endpoint); /* a reference; NULL: none were fetched yet */
/* A token needs a key that is not among `keys`, which were the endpoint's. `id` is its name, or NULL. Takes
 * the job with ENDPOINT_WAIT alone. */
enum endpoint_answer endpoint_ask(struct endpoint *endpoint, const struct keys *keys, const char *id,
                                  struct job *job);
/* After what it gave back was looked at anew: it is not there. */
void endpoint_miss(struct endpoint *endpoint, const char *id);
void endpoint_refresh(struct endpoint *endpoint); /* now, whatever the cooldown says */

#endif
