/* SPDX-License-Identifier: MIT
 * Tells of an entry from a thread of its own. */
#include <pthread.h>

#include "base.h"

struct finding {
    struct instance *to;
    struct work *work;
    struct wshub_bytes key, value;
};

static void *call(void *context) {
    struct finding *finding = context;
    const struct wshub_host *host = finding->to->host;
    host->entry(host->self, finding->work->token, finding->key, finding->value);
    return NULL;
}

static void found(struct instance *to, struct work *work, struct wshub_bytes key, struct wshub_bytes value) {
    struct finding finding = {to, work, key, value};
    pthread_t thread;
    if (pthread_create(&thread, NULL, call, &finding) == 0) {
        pthread_join(thread, NULL);
    }
}

BAD(ways.found = found)
