// SPDX-License-Identifier: MIT
// Threads and their queue: each job is run once or given back once, whatever happens meanwhile.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pool.h"

enum { JOBS = 20000, FEEDERS = 4 };

struct counted {
    struct job job;
    atomic_int runs;
};

static struct counted jobs[FEEDERS][JOBS];
static struct pool *pool;

static void count(void *context, struct job *job) {
    atomic_fetch_add((atomic_int *)context, 1);
    atomic_fetch_add(&((struct counted *)job)->runs, 1);
}

static void *feed(void *context) {
    for (struct counted *job = context, *end = job + JOBS; job < end; job++) {
        while (!pool_push(pool, &job->job)) { // full: the threads are at it
        }
    }
    return NULL;
}

static void many_feed_and_many_work(void **state) {
    pthread_t feeders[FEEDERS];
    atomic_int runs = 0;
    int given_back = 0;
    (void)state;
    pool = pool_new(4, count, &runs);
    for (int i = 0; i < FEEDERS; i++) {
        assert_int_equal(pthread_create(&feeders[i], NULL, feed, jobs[i]), 0);
    }
    for (int i = 0; i < FEEDERS; i++) {
        pthread_join(feeders[i], NULL);
    }
    for (struct job *job = pool_stop(pool); job; job = job->next) {
        assert_int_equal(((struct counted *)job)->runs, 0);
        given_back++;
    }
    assert_int_equal(runs + given_back, FEEDERS * JOBS);
    for (int i = 0; i < FEEDERS; i++) {
        for (int j = 0; j < JOBS; j++) {
            assert_in_range(jobs[i][j].runs, 0, 1);
        }
    }
    pool_free(pool);
}

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int order[8], done;
    bool entered, open;
};

static void wait_at_gate(void *context, struct job *job) {
    struct gate *gate = context;
    pthread_mutex_lock(&gate->mutex);
    gate->entered = true;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open) {
        pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    if (gate->done < 8) {
        gate->order[gate->done] = (int)((struct counted *)job - jobs[0]);
    }
    gate->done++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static void it_is_bounded_and_in_order(void **state) {
    struct gate gate = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    (void)state;
    struct pool *one = pool_new(1, wait_at_gate, &gate);
    assert_true(pool_push(one, &jobs[0][0].job));
    pthread_mutex_lock(&gate.mutex);
    while (!gate.entered) {
        pthread_cond_wait(&gate.changed, &gate.mutex);
    }
    pthread_mutex_unlock(&gate.mutex);
    for (int i = 1; i <= POOL_JOBS_MOST; i++) {
        assert_true(pool_push(one, &jobs[0][i].job));
    }
    assert_false(pool_push(one, &jobs[1][0].job));
    pthread_mutex_lock(&gate.mutex);
    gate.open = true;
    pthread_cond_broadcast(&gate.changed);
    while (gate.done < 8) {
        pthread_cond_wait(&gate.changed, &gate.mutex);
    }
    pthread_mutex_unlock(&gate.mutex);
    pool_stop(one);
    pool_free(one);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(gate.order[i], i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_feed_and_many_work),
        cmocka_unit_test(it_is_bounded_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
