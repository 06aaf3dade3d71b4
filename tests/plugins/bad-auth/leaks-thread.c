/* SPDX-License-Identifier: MIT
 * Starts a thread, and never ends it. */
#include <pthread.h>
#include <unistd.h>

#include "base.h"

static void *wait(void *context) {
    pause();
    return context;
}

static int open_and_start(const struct wshub_host *host, void **self) {
    pthread_t thread;
    int status = base_open(host, self);
    if (status == WSHUB_OK && pthread_create(&thread, NULL, wait, NULL) == 0) {
        pthread_detach(thread);
    }
    return status;
}

BAD(base_auth.open = open_and_start)
