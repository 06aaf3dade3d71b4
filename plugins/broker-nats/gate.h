/* SPDX-License-Identifier: MIT
 * The services that threads of this plugin call. Once it is shut they do nothing: a thread that nats.c does
 * not give back in time lives longer than the host. */
#ifndef NATS_GATE_H
#define NATS_GATE_H

#include <pthread.h>
#include <stdbool.h>

#include "wshub/wshub.h"

struct gate {
    const struct wshub_host *host;

    /* private */
    pthread_rwlock_t lock; /* only gate_shut writes, so that nobody waits for another */
    bool shut;
};

/* False: no memory. */
bool gate_init(struct gate *gate, const struct wshub_host *host);
void gate_free(struct gate *gate);
/* [hub thread] Nobody is in a service any more when it returns, and nobody calls one after. */
void gate_shut(struct gate *gate);

/* [any thread] As the host's; WSHUB_OK when it is shut. */
void gate_log(struct gate *gate, enum wshub_log_level level, const char *text);
int gate_post(struct gate *gate, wshub_post_fn fn, void *context);
void gate_deliver(struct gate *gate, const struct wshub_message *message);
void gate_complete(struct gate *gate, wshub_token token, int status);
void gate_lose(struct gate *gate, struct wshub_bytes channel);

#endif
