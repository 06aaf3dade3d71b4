/* SPDX-License-Identifier: MIT
 * Live messages over core NATS: each channel its own subscription. On the driver's thread. */
#ifndef NATS_LIVE_H
#define NATS_LIVE_H

#include "driver.h"

/* Handlers: they take the job. */
void live_on_subscribe(struct driver *driver, struct job *job);
void live_on_unsubscribe(struct driver *driver, struct job *job);
void live_on_publish(struct driver *driver, struct job *job);

/* The server has read the job, and refused it if it is marked so. Takes it. */
void live_confirm(struct driver *driver, struct job *job);
/* Marks what the server's words refuse. False: nothing of this. */
bool live_deny(struct driver *driver, const char *text);
natsStatus live_subscribe(struct driver *driver, struct wshub_bytes channel, natsSubscription **subscription);

#endif
