/* SPDX-License-Identifier: MIT
 * Its thread says goodbye when close has returned. */
#include <pthread.h>
#include <stdlib.h>

#include "base.h"

struct late {
    const struct wshub_host *host;
    wshub_token token;
};

static void *log_late(void *context) {
    struct late late = *(struct late *)context;
    free(context);
    base_sleep(20); /* close has returned */
    (void)late.token;
    late.host->log(late.host->self, WSHUB_LOG_INFO, "goodbye");
    return NULL;
}

static void close_early(void *self) {
    struct instance *instance = self;
    struct late *late = malloc(sizeof *late);
    pthread_t thread;
    *late = (struct late){instance->host, instance->works ? instance->works->token : 1};
    base_close(self);
    if (pthread_create(&thread, NULL, log_late, late) == 0) {
        pthread_detach(thread);
    } else {
        free(late);
    }
}

BAD(base_broker.close = close_early)
