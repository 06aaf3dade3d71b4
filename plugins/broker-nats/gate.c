/* SPDX-License-Identifier: MIT */
#include "gate.h"

bool gate_init(struct gate *gate, const struct wshub_host *host) {
    *gate = (struct gate){.host = host};
    return pthread_rwlock_init(&gate->lock, NULL) == 0;
}

void gate_free(struct gate *gate) {
    pthread_rwlock_destroy(&gate->lock);
}

void gate_shut(struct gate *gate) {
    pthread_rwlock_wrlock(&gate->lock);
    gate->shut = true;
    pthread_rwlock_unlock(&gate->lock);
}

/* NULL: it is shut. Else leave is due. */
static const struct wshub_host *enter(struct gate *gate) {
    pthread_rwlock_rdlock(&gate->lock);
    if (!gate->shut) {
        return gate->host;
    }
    pthread_rwlock_unlock(&gate->lock);
    return NULL;
}

static void leave(struct gate *gate) {
    pthread_rwlock_unlock(&gate->lock);
}

int gate_post(struct gate *gate, wshub_post_fn fn, void *context) {
    const struct wshub_host *host = enter(gate);
    int status = WSHUB_OK;
    if (host) {
        status = host->post(host->self, fn, context);
        leave(gate);
    }
    return status;
}

void gate_log(struct gate *gate, enum wshub_log_level level, const char *text) {
    const struct wshub_host *host = enter(gate);
    if (host) {
        host->log(host->self, level, text);
        leave(gate);
    }
}

void gate_deliver(struct gate *gate, const struct wshub_message *message) {
    const struct wshub_host *host = enter(gate);
    if (host) {
        host->deliver(host->self, message);
        leave(gate);
    }
}

void gate_complete(struct gate *gate, wshub_token token, int status) {
    const struct wshub_host *host = enter(gate);
    if (host) {
        host->complete(host->self, token, status);
        leave(gate);
    }
}

void gate_lose(struct gate *gate, struct wshub_bytes channel) {
    const struct wshub_host *host = enter(gate);
    if (host) {
        host->lose(host->self, channel);
        leave(gate);
    }
}
