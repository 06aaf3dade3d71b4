/* SPDX-License-Identifier: MIT
 * Starts a thread when it is loaded, before anybody has asked for one. */
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "base.h"

static void *wait_for_ever(void *context) {
    sem_post(context);
    for (;;) {
        pause();
    }
    return context;
}

static void start(void) {
    static sem_t started;
    pthread_t thread;
    sem_init(&started, 0, 0);
    if (pthread_create(&thread, NULL, wait_for_ever, &started) == 0) {
        pthread_detach(thread);
        sem_wait(&started);
        base_sleep(1); /* it is asleep, and not in this code */
    }
}

BAD(start())
