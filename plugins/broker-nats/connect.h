/* SPDX-License-Identifier: MIT
 * What nats.c is told before it connects. */
#ifndef NATS_CONNECT_H
#define NATS_CONNECT_H

#include <nats/nats.h>

#include "settings.h"

/* On an error, *options may be set, and is to be destroyed all the same. */
natsStatus connect_options(natsOptions **options, const struct settings *settings,
                           const struct server *server, const char *instance_id);

#endif
