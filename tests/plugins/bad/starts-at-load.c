/* SPDX-License-Identifier: MIT
 * Starts a thread when it is loaded, before anybody has asked for one. */
#include <pthread.h>
#include <unistd.h>

#include "base.h"

static void *wait_for_ever(void *context) {
    for (;;) {
        pause();
    }
    return context;
}

static void start(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0) {
        pthread_detach(thread);
    }
}

BAD(start())
