/* SPDX-License-Identifier: MIT
 * The channels that are subscribed, each with its subscription. Belongs to the driver's thread. */
#ifndef NATS_CHANNELS_H
#define NATS_CHANNELS_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wshub/message.h"

struct channel; /* private */

struct channels {
    struct channel *all;
    uint64_t seed; /* clients choose the names */
};

void channels_init(struct channels *channels);
/* Forgets all of them, and destroys their subscriptions. */
void channels_clear(struct channels *channels);

/* Where the channel's subscription is kept; NULL: there is none. */
natsSubscription **channels_find(struct channels *channels, struct wshub_bytes name);
/* Adds one that is not there. NULL: no memory. */
natsSubscription **channels_add(struct channels *channels, struct wshub_bytes name);
/* Forgets it; destroys its subscription unless that is NULL. */
void channels_remove(struct channels *channels, struct wshub_bytes name);

/* For each channel, until it returns false. It may not add or remove. */
bool channels_each(struct channels *channels,
                   bool (*fn)(void *context, struct wshub_bytes name, natsSubscription **subscription),
                   void *context);

#endif
