/* SPDX-License-Identifier: MIT
 * A thread of its own decides, and close does not wait for it. */
#include <pthread.h>
#include <stdlib.h>

#include "base.h"

struct late {
    const struct wshub_host *host;
    wshub_token token;
};

static void *decide_later(void *context) {
    struct late *late = context;
    base_sleep(20);
    late->host->complete(late->host->self, late->token, WSHUB_DENIED);
    free(late);
    return NULL;
}

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    struct instance *instance = self;
    struct late *late = malloc(sizeof *late);
    pthread_t thread;
    (void)request;
    if (!late) {
        return WSHUB_NO_MEMORY;
    }
    *late = (struct late){instance->host, token};
    if (pthread_create(&thread, NULL, decide_later, late) != 0) {
        free(late);
        return WSHUB_NO_MEMORY;
    }
    pthread_detach(thread);
    return WSHUB_OK;
}

BAD(base_auth.authenticate = authenticate)
