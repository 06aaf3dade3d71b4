/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <errno.h>
#include <time.h>

bool queue_init(struct queue *queue) {
    *queue = (struct queue){0};
    return sem_init(&queue->bell, 0, 0) == 0;
}

/* What was pushed last comes first: turns it round. */
static struct job *take_all(struct queue *queue) {
    struct job *job = atomic_exchange(&queue->newest, NULL), *oldest = NULL;
    while (job) {
        struct job *before = job->next;
        job->next = oldest;
        oldest = job;
        job = before;
    }
    return oldest;
}

void queue_free(struct queue *queue) {
    for (struct job *job = take_all(queue), *next; job; job = next) {
        next = job->next;
        job_free(job);
    }
    sem_destroy(&queue->bell);
}

void queue_push(struct queue *queue, struct job *job) {
    atomic_fetch_add(&queue->bytes, job->size);
    struct job *before = atomic_load(&queue->newest);
    do {
        job->next = before;
    } while (!atomic_compare_exchange_weak(&queue->newest, &before, job));
    if (!before) { /* else it was rung for the one before */
        sem_post(&queue->bell);
    }
}

void queue_wake(struct queue *queue) {
    atomic_store(&queue->woken, true);
    sem_post(&queue->bell);
}

void queue_close(struct queue *queue) {
    atomic_store(&queue->closed, true);
    sem_post(&queue->bell);
}

bool queue_is_closed(struct queue *queue) {
    return atomic_load(&queue->closed);
}

static bool has_something(struct queue *queue) {
    return atomic_load(&queue->newest) || atomic_load(&queue->woken) || atomic_load(&queue->closed);
}

bool queue_take(struct queue *queue, uint64_t until, struct job **jobs) {
    const struct timespec deadline = {(time_t)(until / 1000), (long)(until % 1000) * 1000000};
    int status = 0;
    while (sem_trywait(&queue->bell) == 0) { /* rung for what is seen below */
    }
    while (!has_something(queue) && (status == 0 || errno == EINTR)) {
        status = sem_clockwait(&queue->bell, CLOCK_MONOTONIC, &deadline);
    }
    atomic_store(&queue->woken, false);
    *jobs = take_all(queue);
    return !queue_is_closed(queue);
}

void queue_drop(struct queue *queue, struct job *job) {
    atomic_fetch_sub(&queue->bytes, job->size);
    job_free(job);
}
