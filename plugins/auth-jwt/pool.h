/* SPDX-License-Identifier: MIT
 * Threads that work off a bounded queue, so that the hub's thread does not. */
#ifndef JWT_POOL_H
#define JWT_POOL_H

#include <stdbool.h>
#include <stddef.h>

enum { POOL_JOBS_MOST = 4096 };

/* The first member of whatever is to be done. */
struct job {
    struct job *next;
};

/* Takes the job. On a thread of the pool. */
typedef void (*pool_fn)(void *context, struct job *job);

/* NULL: no memory, or no threads to be had. */
struct pool *pool_new(unsigned threads, pool_fn run, void *context);
/* [any thread] False: the queue is full, and the job is still the caller's. */
bool pool_push(struct pool *pool, struct job *job);
/* Waits for what is running, and gives back what is not, a list. After that no thread is there. */
struct job *pool_stop(struct pool *pool);
void pool_free(struct pool *pool); /* after pool_stop; NULL is fine */

#endif
