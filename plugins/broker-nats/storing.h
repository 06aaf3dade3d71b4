/* SPDX-License-Identifier: MIT
 * Publishing to a channel with a history: what it stores, its stream hands on with its offset to those who
 * are subscribed. On the driver's thread. */
#ifndef NATS_STORING_H
#define NATS_STORING_H

#include "driver.h"

/* Takes the job. */
void storing_on_publish(struct driver *driver, struct job *job);

#endif
