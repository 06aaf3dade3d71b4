/* SPDX-License-Identifier: MIT
 * Has a thread that asks again and again instead of waiting. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base.h"

struct spinning {
    pthread_t thread;
    atomic_bool ends;
};

static void *spin(void *context) {
    struct spinning *spinning = context;
    while (!atomic_load(&spinning->ends)) {
    }
    return NULL;
}

static int open_and_spin(const struct wshub_host *host, void **self) {
    int status = base_open(host, self);
    struct spinning *spinning = status == WSHUB_OK ? calloc(1, sizeof *spinning) : NULL;
    if (spinning && pthread_create(&spinning->thread, NULL, spin, spinning) == 0) {
        ((struct instance *)*self)->extra = spinning;
    }
    return status;
}

static void close_and_stop(void *self) {
    struct spinning *spinning = ((struct instance *)self)->extra;
    if (spinning) {
        atomic_store(&spinning->ends, true);
        pthread_join(spinning->thread, NULL);
        free(spinning);
    }
    base_close(self);
}

BAD(base_broker.open = open_and_spin; base_broker.close = close_and_stop)
