/* SPDX-License-Identifier: MIT
 * Tells of its link from a thread of its own. */
#include <pthread.h>

#include "base.h"

static void *call(void *context) {
    const struct wshub_host *host = context;
    host->link(host->self, WSHUB_LINK_UP, NULL);
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
