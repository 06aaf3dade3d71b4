/* SPDX-License-Identifier: MIT
 * What a message has besides its payload, as MQTT 5's user properties, which any MQTT client can read:
 *
 *     wshub-sender, wshub-user,
 *     wshub-exclude, wshub-epoch    texts; what is not printable ASCII, and '%', is %XX
 *     wshub-offset                  a decimal number
 *     wshub-empty                   "1": the payload is empty, and its one byte does not count; a retained
 *                                   message without a byte would delete what is kept
 *     wshub-sequence                STREAM.NUMBER: see sequence.h */
#ifndef MQTT_METADATA_H
#define MQTT_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mosquitto.h>

#include "sequence.h"
#include "wshub/message.h"

/* A list of properties under way. */
struct metadata {
    mosquitto_property *list; /* owned */
    size_t size;              /* bytes in a packet */
};

/* Each returns WSHUB_OK; WSHUB_NO_MEMORY; WSHUB_TOO_LARGE: more than a property can hold. */
int metadata_add_message(struct metadata *metadata, const struct wshub_message *message);
int metadata_add_empty(struct metadata *metadata);
int metadata_add_sequence(struct metadata *metadata, struct sequence_mark mark);
int metadata_add_expiry(struct metadata *metadata, uint32_t seconds);
void metadata_free(struct metadata *metadata);

/* What was read; owns the texts that a message points to. */
struct metadata_read {
    char *texts[4]; /* sender, user, exclude, epoch */
    struct sequence_mark mark;
    bool empty;
};

/* Into a zeroed message and a zeroed `read`, to be freed when the message is done with. Properties of others
 * are skipped, and so is one of ours that nobody of us has written so. False: no memory. */
bool metadata_read(struct metadata_read *read, struct wshub_message *message, const mosquitto_property *list);
void metadata_read_free(struct metadata_read *read);

#endif
