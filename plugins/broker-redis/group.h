/* SPDX-License-Identifier: MIT
 * Groups of registry keys, which have an index so that listing one costs what it holds. The index of a group
 * is a sorted set, GROUP_INDEX and the group's prefix its name. */
#ifndef REDIS_GROUP_H
#define REDIS_GROUP_H

#include <stddef.h>

#include "wshub/message.h"

#define GROUP_INDEX "ws:index:"

/* Bytes at the begin of the key that it shares with its group: up to a '/' and with it, or
 * WSHUB_INSTANCE_KEY. 0: it has no group. */
size_t group_prefix(struct wshub_bytes key);

#endif
