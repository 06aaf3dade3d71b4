/* SPDX-License-Identifier: MIT
 * Reading what the stream of a channel with a history has kept. On the driver's thread. */
#ifndef NATS_HISTORY_H
#define NATS_HISTORY_H

#include "driver.h"

/* Takes the job. */
void history_on_query(struct driver *driver, struct job *job);
/* Finds the job's home; false: there is none, and the job is completed. */
bool history_find(struct driver *driver, struct job *job, uint64_t size, uint64_t ttl);

#endif
