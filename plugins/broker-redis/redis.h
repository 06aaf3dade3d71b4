/* SPDX-License-Identifier: MIT
 * One open broker: what its slots share. Everything here is called on the hub thread. */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include "lineage.h"
#include "link.h"
#include "reply.h"
#include "scripts.h"
#include "settings.h"
#include "wshub/wshub.h"

enum { REDIS_PAYLOAD_MOST = CONNECTION_WAITING_MOST / 4 }; /* 16 MiB, as much as a hub lets a client send */

/* Whoever has made this struct knows of this member. */
#define REDIS_KNOWS(made, member) \
    ((made)->struct_size >= offsetof(__typeof__(*(made)), member) + sizeof(made)->member)

/* What can be complained about: once until it works again, and not twice in a minute. */
enum complaint {
    COMPLAINT_SUBSCRIBE,
    COMPLAINT_UNSUBSCRIBE,
    COMPLAINT_PUBLISH,
    COMPLAINT_REGISTRY,
    COMPLAINT_VALUE,
    COMPLAINT_LIST,
    COMPLAINT_ENVELOPE,
    COMPLAINT_HISTORY,
    COMPLAINTS
};

struct redis {
    struct link link; /* first: connections give it to their hooks */
    const struct wshub_host *host;
    struct settings settings;
    struct {
        bool open;     /* it does not work since */
        uint64_t told; /* ms; 0: never in this session */
    } complaints[COMPLAINTS];
    struct lineage lineage;
    struct script_calls calls;
    bool closing;
};

int redis_check(const struct wshub_host *host);
int redis_open(const struct wshub_host *host, void **self);
void redis_close(void *self);

/* pubsub.c */
int redis_subscribe(void *self, struct wshub_bytes channel, wshub_token token);
int redis_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token);
int redis_publish(void *self, const struct wshub_message *message, wshub_token token);
bool redis_on_push(void *owner, const redisReply *reply);

/* history.c */
int redis_history(void *self, const struct wshub_history_query *query, wshub_token token);
/* A message that gets a place in its channel's history. */
int history_publish(struct redis *redis, const struct wshub_message *message, wshub_token token);

/* registry.c, group.c, list.c */
int redis_registry_set(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                       wshub_token token);
int redis_registry_delete(void *self, struct wshub_bytes key, wshub_token token);
int redis_registry_get(void *self, struct wshub_bytes key, wshub_token token);
int redis_registry_list(void *self, struct wshub_bytes prefix, wshub_token token);
int redis_heartbeat(void *self, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                    wshub_token token);

/* ---- for them ---- */

void redis_complete(struct redis *redis, wshub_token token, int status);
/* It works: the next complaint is a new one. */
void redis_praise(struct redis *redis, enum complaint complaint);
/* Logs a warning, unless that was complained about already. What works for one channel and not for another,
 * at a client's wish, is one line in a minute. */
void redis_complain(struct redis *redis, enum complaint complaint, const char *text);
/* The answer to `command` is an error reply, or NULL: completes the token with what that means, complains,
 * and drops the link when the server has lost its mastership. Always true, for a pending_fn to return. */
bool redis_refused(struct redis *redis, enum complaint complaint, const char *command, wshub_token token,
                   const redisReply *reply);
/* An answer that cannot be: completes the token. Always false, likewise. */
bool redis_confused(struct redis *redis, wshub_token token);

#endif
