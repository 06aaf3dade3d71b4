/* SPDX-License-Identifier: MIT
 * Leaves a thread behind. */
#include <pthread.h>
#include <unistd.h>

#include "base.h"

static void *wait_for_ever(void *context) {
    for (;;) {
        pause();
    }
    return context;
}

static int open_and_start(const struct wshub_host *host, void **self) {
    pthread_t thread;
    int status = base_open(host, self);
    if (status == WSHUB_OK && pthread_create(&thread, NULL, wait_for_ever, NULL) == 0) {
        pthread_detach(thread);
    }
    return status;
}

BAD(base_broker.open = open_and_start)
