/* SPDX-License-Identifier: MIT
 * Makes its timer on a thread of its own. */
#include <pthread.h>

#include "base.h"

static void nothing(void *context) {
    (void)context;
}

static void *call(void *context) {
    const struct wshub_host *host = context;
    host->timer_free(host->self, host->timer_new(host->self, nothing, NULL));
    return NULL;
}

static int open_beside(const struct wshub_host *host, void **self) {
    pthread_t thread;
    int status = base_open(host, self);
    if (status == WSHUB_OK && pthread_create(&thread, NULL, call, (void *)host) == 0) {
        pthread_join(thread, NULL);
    }
    return status;
}

BAD(base_broker.open = open_beside)
