/* SPDX-License-Identifier: MIT
 * A message on its way through a broker. */
#ifndef WSHUB_MESSAGE_H
#define WSHUB_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to somebody else; not terminated, may hold any byte. data may be NULL where length is 0.
 */
struct wshub_bytes {
    const void *data;
    size_t length;
};

enum wshub_message_flag {
    /* Since ABI 1.1. publish, to a broker with WSHUB_BROKER_LAST_VALUE: keep it as the channel's last value,
     * in place of the one before. deliver: it is the one that was kept, published before the subscription. */
    WSHUB_MESSAGE_LAST_VALUE = 1 << 0
};

/* Both ways: the hub gives one to publish, a plugin gives one to deliver. Whoever is called borrows it, and
 * all that it points to, until the call returns. A plugin zeroes what it does not know, and hands on what it
 * got: a broker that carries only payloads can put the rest into the envelope of wshub/envelope.h. */
struct wshub_message {
    uint32_t struct_size; /* sizeof, set by whoever made it */
    uint32_t flags;       /* of enum wshub_message_flag; bits that are not known mean nothing */
    /* 1 to 255 bytes of UTF-8 without control characters (RFC 3629; U+0000 to U+001F, U+007F to U+009F). */
    struct wshub_bytes channel;
    /* Any bytes. From a hub, one JSON value (RFC 8259); from elsewhere, whatever was published. */
    struct wshub_bytes payload;
    struct wshub_bytes sender;      /* connection_id of the publisher, or empty */
    struct wshub_bytes sender_user; /* its user, or empty */
    struct wshub_bytes exclude;     /* connection_ids that shall not get it, a blank between two, at most
                                       4 KiB; or empty */
    struct wshub_bytes epoch; /* position in the channel's history: empty for none, else at most 64 bytes of
                                 printable ASCII without blanks */
    uint64_t offset;          /* and this */
    /* Since ABI 1.1. Of a broker with WSHUB_BROKER_HISTORY, and 0 of others. */
    uint64_t previous;     /* deliver, history: the offset before this one in the channel; 0: not known */
    uint64_t history_size; /* publish: how many messages the history of this channel keeps; 0: it has none */
    uint64_t history_ttl;  /* publish: and for how long, ms */
    /* Since ABI 1.3. To a broker with WSHUB_BROKER_IDEMPOTENT; empty and 0 to others. publish: of all
     * messages of the channel with this key the first is taken, and the others are answered as it was. 1 to
     * 64 bytes of printable ASCII without blanks. */
    struct wshub_bytes key;
    uint64_t key_ttl; /* publish: for so many ms at least */
};

#endif
