/* SPDX-License-Identifier: MIT
 * The way to the driver's thread. Any thread pushes, and never waits for another that does; only the driver's
 * takes. */
#ifndef NATS_QUEUE_H
#define NATS_QUEUE_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "job.h"

struct queue {
    atomic_size_t bytes; /* of all jobs that were pushed and are not freed by queue_drop */

    /* private */
    _Atomic(struct job *) newest; /* and by `next` to the oldest */
    atomic_bool woken, closed;
    sem_t bell;
};

/* False: no memory. */
bool queue_init(struct queue *queue);
/* Frees what still lies in it. */
void queue_free(struct queue *queue);

void queue_push(struct queue *queue, struct job *job);
/* queue_take returns soon, though there may be no job. */
void queue_wake(struct queue *queue);
/* queue_take returns at once from now on. */
void queue_close(struct queue *queue);
bool queue_is_closed(struct queue *queue);

/* All jobs in their order, which are now the caller's; NULL when `until` (of clock_ms) has come before one,
 * or after queue_wake. False: the queue is closed. */
bool queue_take(struct queue *queue, uint64_t until, struct job **jobs);

/* The driver has done with it. */
void queue_drop(struct queue *queue, struct job *job);

#endif
