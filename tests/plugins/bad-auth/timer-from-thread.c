/* SPDX-License-Identifier: MIT
 * Starts a timer from a thread of its own. */
#include <pthread.h>

#include "base.h"

static void *start(void *context) {
    struct instance *instance = context;
    instance->host->timer_start(instance->host->self, instance->timer, 0);
    return NULL;
}

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, start, self) == 0) {
        pthread_join(thread, NULL);
    }
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
