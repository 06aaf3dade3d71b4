/* SPDX-License-Identifier: MIT
 * Channels with a history: their messages go to a stream, which hands them on with their offsets to those who
 * are subscribed. On the driver's thread; handlers, which take the job. */
#ifndef NATS_HISTORY_H
#define NATS_HISTORY_H

#include "driver.h"

void history_on_publish(struct driver *driver, struct job *job);
void history_on_query(struct driver *driver, struct job *job);

#endif
