/* SPDX-License-Identifier: MIT
 * For client.c and client_events.c. */
#ifndef MQTT_CLIENT_PRIV_H
#define MQTT_CLIENT_PRIV_H

#include "client.h"

/* Has the library call back: its context is the client. */
void client_listen(struct mosquitto *mosq);

/* The connection has ended, for this reason, unless there is one already. Settled when the library has
 * returned. */
void client_break_with(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A call into the library has failed with this code, and errno as it was then. */
void client_fail(struct client *client, int code, int error);

#endif
