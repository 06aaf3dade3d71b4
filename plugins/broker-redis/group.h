/* SPDX-License-Identifier: MIT
 * Entries of the registry that have a group: a script keeps an index of each group beside them, a sorted set,
 * so that listing one costs what it holds. Belongs to the hub thread. */
#ifndef REDIS_GROUP_H
#define REDIS_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include "wshub/host.h"

struct redis;

enum { GROUP_NAME = 320 }; /* bytes that hold the name of any index */

/* Bytes at the begin of the key that it shares with its group: up to a '/' and with it, or
 * WSHUB_INSTANCE_KEY. 0: it has no group. */
size_t group_prefix(struct wshub_bytes key);
/* The name of its group's index, behind the option `prefix`. 0: it has none. */
size_t group_index(char out[GROUP_NAME], struct wshub_bytes prefix, struct wshub_bytes key);

/* The slots registry_set and registry_delete, for a key that has a group. */
int group_enter(struct redis *redis, struct wshub_bytes key, struct wshub_bytes value, uint64_t ttl,
                wshub_token token);
int group_leave(struct redis *redis, struct wshub_bytes key, wshub_token token);

#endif
