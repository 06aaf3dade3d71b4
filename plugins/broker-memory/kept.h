/* SPDX-License-Identifier: MIT
 * The last value of each channel that has one, whether anybody is subscribed or not. Bounded by bytes: the
 * values that were replaced longest ago make room for new ones. Belongs to the hub thread. */
#ifndef BROKER_MEMORY_KEPT_H
#define BROKER_MEMORY_KEPT_H

#include "wshub/wshub.h"

struct kept_value;

struct kept {
    struct kept_value *by_name;
    struct kept_value *oldest, *newest;
    uint64_t bytes, most; /* used, and how much may be */
    uint64_t seed;        /* of the hash */
    uint64_t dropped;     /* values that had to make room */
};

/* Copies the message, in place of its channel's value; an empty one takes that away. WSHUB_OK,
 * WSHUB_NO_MEMORY, or WSHUB_TOO_LARGE: alone it is more than `most`. On an error nothing has changed. */
int kept_put(struct kept *kept, const struct wshub_message *message);
/* The channel's value, flagged as such, until the next kept_put; NULL: it has none. */
const struct wshub_message *kept_find(const struct kept *kept, struct wshub_bytes channel);
void kept_free(struct kept *kept);

#endif
