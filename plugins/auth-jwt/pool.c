/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

struct pool {
    pool_fn run;
    void *context;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t some;   /* there is a job, or it is to stop */
    struct job *first, **last;
    size_t count;
    bool stopping;
    unsigned threads; /* that were started */
    pthread_t ids[];
};

static struct job *take(struct pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    while (!pool->first && !pool->stopping) {
        pthread_cond_wait(&pool->some, &pool->mutex);
    }
    struct job *job = pool->stopping ? NULL : pool->first;
    if (job) {
        pool->first = job->next;
        pool->last = pool->first ? pool->last : &pool->first;
        pool->count--;
        job->next = NULL;
    }
    pthread_mutex_unlock(&pool->mutex);
    return job;
}

static void *work(void *context) {
    struct pool *pool = context;
    for (struct job *job; (job = take(pool));) {
        pool->run(pool->context, job);
    }
    return NULL;
}

struct pool *pool_new(unsigned threads, pool_fn run, void *context) {
    struct pool *pool = calloc(1, sizeof *pool + threads * sizeof *pool->ids);
    if (!pool) {
        return NULL;
    }
    pool->run = run;
    pool->context = context;
    pool->last = &pool->first;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->some, NULL);
    while (pool->threads < threads && pthread_create(&pool->ids[pool->threads], NULL, work, pool) == 0) {
        pool->threads++;
    }
    if (pool->threads < threads) {
        pool_stop(pool);
        pool_free(pool);
        return NULL;
    }
    return pool;
}

bool pool_push(struct pool *pool, struct job *job) {
    pthread_mutex_lock(&pool->mutex);
    bool room = pool->count < POOL_JOBS_MOST;
    if (room) {
        job->next = NULL;
        *pool->last = job;
        pool->last = &job->next;
        pool->count++;
        pthread_cond_signal(&pool->some);
    }
    pthread_mutex_unlock(&pool->mutex);
    return room;
}

struct job *pool_stop(struct pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->some);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->threads; i++) {
        pthread_join(pool->ids[i], NULL);
    }
    pool->threads = 0;
    struct job *rest = pool->first;
    pool->first = NULL;
    pool->last = &pool->first;
    return rest;
}

void pool_free(struct pool *pool) {
    if (pool) {
        pthread_cond_destroy(&pool->some);
        pthread_mutex_destroy(&pool->mutex);
        free(pool);
    }
}
