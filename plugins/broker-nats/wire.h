/* SPDX-License-Identifier: MIT
 * A message of the hub as a message of NATS: the payload as it is, the rest in headers. Any thread. */
#ifndef NATS_WIRE_H
#define NATS_WIRE_H

#include <nats/nats.h>

#include "wshub/message.h"

/* A header is text of one line: controls, '%', and blanks at either end are %XX. Empty ones are left out. */
#define WIRE_SENDER "Wshub-Sender"
#define WIRE_USER "Wshub-User"
#define WIRE_EXCLUDE "Wshub-Exclude"
#define WIRE_EPOCH "Wshub-Epoch" /* and the next: a position that another broker has given */
#define WIRE_OFFSET "Wshub-Offset"

/* Bytes of all that a server counts against its max_payload, or a little more. */
size_t wire_size(const struct wshub_message *message);

/* NULL: no memory. `id`: by which a stream knows a message that it has already; NULL is fine. */
natsMsg *wire_write(const char *subject, const char *reply, const char *id,
                    const struct wshub_message *message);

/* Fills in all but the channel. It points into the message and into *memory, which the caller frees. False:
 * no memory. */
bool wire_read(natsMsg *from, struct wshub_message *message, char **memory);

/* The number in a header; 0: there is none. */
uint64_t wire_number(natsMsg *from, const char *header);

#endif
