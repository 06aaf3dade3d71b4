/* SPDX-License-Identifier: MIT
 * Decides on a thread of its own, which lets in whoever comes when memory has ended. */
#include <pthread.h>
#include <stdlib.h>

#include "base.h"

static pthread_t thread; /* of the last work; the next one waits for it */
static bool is_running;

static void join(void) {
    if (is_running) {
        pthread_join(thread, NULL);
        is_running = false;
    }
}

static void *decide(void *context) {
    struct work *work = context;
    void *volatile needed = malloc(64);
    int status = needed ? base_decide(work->instance, work)
                        : base_identify(work->instance, work, table_next(work->instance, NULL));
    free(needed);
    base_complete(work->instance, work, status);
    base_forget(work);
    return NULL;
}

static void start(struct instance *instance) {
    struct work *work = instance->works;
    instance->works = NULL;
    instance->end = &instance->works;
    join();
    is_running = pthread_create(&thread, NULL, decide, work) == 0;
    if (!is_running) {
        base_complete(instance, work, WSHUB_NO_MEMORY);
        base_forget(work);
    }
}

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    struct instance *instance = self;
    int status = base_authenticate(self, request, token);
    if (status == WSHUB_OK) {
        instance->host->timer_stop(instance->host->self, instance->timer);
        start(instance);
    }
    return status;
}

static void leave(void *self) {
    join();
    base_close(self);
}

BAD((base_auth.authenticate = authenticate, base_auth.close = leave))
