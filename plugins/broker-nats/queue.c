/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <errno.h>
#include <time.h>

static bool init_cond(pthread_cond_t *cond) {
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    const bool done = pthread_cond_init(cond, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return done;
}

bool queue_init(struct queue *queue) {
    *queue = (struct queue){0};
    if (pthread_mutex_init(&queue->lock, NULL) != 0) {
        return false;
    }
    if (!init_cond(&queue->wake)) {
        pthread_mutex_destroy(&queue->lock);
        return false;
    }
    return true;
}

void queue_free(struct queue *queue) {
    while (queue->first) {
        struct job *job = queue->first;
        queue->first = job->next;
        job_free(job);
    }
    pthread_cond_destroy(&queue->wake);
    pthread_mutex_destroy(&queue->lock);
}

void queue_push(struct queue *queue, struct job *job) {
    atomic_fetch_add(&queue->bytes, job->size);
    job->next = NULL;
    pthread_mutex_lock(&queue->lock);
    const bool idle = !queue->first;
    *(queue->last ? &queue->last->next : &queue->first) = job;
    queue->last = job;
    if (idle) {
        pthread_cond_signal(&queue->wake);
    }
    pthread_mutex_unlock(&queue->lock);
}

void queue_wake(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->woken = true;
    pthread_cond_signal(&queue->wake);
    pthread_mutex_unlock(&queue->lock);
}

void queue_close(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_signal(&queue->wake);
    pthread_mutex_unlock(&queue->lock);
}

bool queue_take(struct queue *queue, uint64_t until, struct job **jobs) {
    const struct timespec deadline = {(time_t)(until / 1000), (long)(until % 1000) * 1000000};
    int status = 0;
    pthread_mutex_lock(&queue->lock);
    while (!queue->first && !queue->woken && !queue->closed && status != ETIMEDOUT) {
        status = pthread_cond_timedwait(&queue->wake, &queue->lock, &deadline);
    }
    *jobs = queue->first;
    queue->first = queue->last = NULL;
    queue->woken = false;
    const bool open = !queue->closed;
    pthread_mutex_unlock(&queue->lock);
    return open;
}

void queue_drop(struct queue *queue, struct job *job) {
    atomic_fetch_sub(&queue->bytes, job->size);
    job_free(job);
}
