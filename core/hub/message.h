// SPDX-License-Identifier: MIT
// One message inside an instance: immutable, counted, and the only thing that several threads hold at once.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop/mailbox.h"
#include "util/span.h"
#include "wshub/message.h"

struct channel_ticket;
struct message;
struct position;

// What travels to a worker: made together with the message, one for each, so that a delivery never lacks
// memory.
struct delivery {
    struct mail mail;
    struct message *message;
    struct channel_ticket *ticket; // of the worker: where it goes; NULL: MESSAGE_DIRECT says it
};

struct message {
    atomic_uint refs;
    uint32_t payload_length;
    uint32_t size; // of all this
    uint16_t channel_length;
    uint16_t sender_length;
    uint16_t user_length;
    uint16_t exclude_length;
    uint8_t epoch_length;
    uint8_t key_length;
    uint8_t kind;                // enum message_kind
    uint64_t offset, previous;   // in the channel's history; 0: it has none. previous 0: not known
    bool is_json;                // the payload is known to be JSON; else the workers look
    bool is_last;                // published before who gets it now had subscribed: the channel's last value
    bool forgets_last;           // a gap: what was known as the last value may not be the last any more
    struct delivery *deliveries; // one per worker; behind the bytes
    char bytes[];                // channel, sender, user, exclude, epoch, key, payload
};

enum message_kind {
    MESSAGE_PUBLISHED,
    MESSAGE_GAP,   // no message, but the word that some may be missing; with a position: what follows comes
                   // after it
    MESSAGE_JOIN,  // the payload is the member, a JSON object
    MESSAGE_LEAVE, // the same
    // To whoever it was sent to. The channel is "$wshub:user:HASH", which users' sessions have subscribed to;
    // or it is "$wshub:connection:CONNECTION_ID", and the delivery has no ticket: it goes to every worker,
    // and who has the connection sends it. Either counts for congestion as every delivery does.
    MESSAGE_DIRECT,
};

#define MESSAGE_CONNECTION_PREFIX "$wshub:connection:"

enum {
    MESSAGE_EXCLUDE_MAX = 4096, // bytes of wshub_message.exclude that are read
    MESSAGE_KEY_MAX = 64,
};

// Copies what it is given. `workers` deliveries come with it; one reference. NULL: no memory.
struct message *message_new(const struct wshub_message *from, unsigned workers);
// The word that messages of the channel may be missing. What follows comes after `position`; NULL, or none:
// that is not known.
struct message *message_new_gap(struct span channel, const struct position *position, unsigned workers);
// The message as plugins see one; its bytes are borrowed, what is no part of a struct message is 0.
struct wshub_message message_lend(const struct message *message);
// A copy that is_last, with deliveries of its own.
struct message *message_copy_last(const struct message *from, unsigned workers);
void message_ref(struct message *message);
void message_unref(struct message *message);

// What it counts for in a worker's backlog.
uint64_t message_weight(const struct message *message);

struct span message_channel(const struct message *message);
struct span message_sender(const struct message *message);
struct span message_user(const struct message *message);
struct span message_exclude(const struct message *message);
struct span message_epoch(const struct message *message); // empty: it has no position
struct span message_key(const struct message *message);   // empty: it may be published twice
struct span message_payload(const struct message *message);
