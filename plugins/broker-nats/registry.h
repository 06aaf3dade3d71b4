/* SPDX-License-Identifier: MIT
 * Who is connected where: keys in buckets of JetStream, which expire by themselves. On the driver's thread;
 * all are handlers, which take the job. */
#ifndef NATS_REGISTRY_H
#define NATS_REGISTRY_H

#include "driver.h"

void registry_on_set(struct driver *driver, struct job *job);
void registry_on_heartbeat(struct driver *driver, struct job *job);
void registry_on_delete(struct driver *driver, struct job *job);
void registry_on_get(struct driver *driver, struct job *job);
void registry_on_list(struct driver *driver, struct job *job);

#endif
