/* SPDX-License-Identifier: MIT
 * The slots, on the hub thread: each makes a job of its arguments, and the driver does it. */
#ifndef NATS_SLOTS_H
#define NATS_SLOTS_H

#include "wshub/wshub.h"

enum { SLOTS_PAYLOAD_MOST = 1008 << 10 }; /* what a server takes without being told, with room for headers */

int slots_check(const struct wshub_host *host);
int slots_open(const struct wshub_host *host, void **self);
void slots_close(void *self);
int slots_subscribe(void *self, struct wshub_bytes channel, wshub_token token);
int slots_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token);
int slots_publish(void *self, const struct wshub_message *message, wshub_token token);
int slots_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl, wshub_token token);
int slots_delete(void *self, struct wshub_bytes key, wshub_token token);
int slots_get(void *self, struct wshub_bytes key, wshub_token token);
int slots_list(void *self, struct wshub_bytes prefix, wshub_token token);
int slots_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                    wshub_token token);
int slots_history(void *self, const struct wshub_history_query *query, wshub_token token);

#endif
