/* SPDX-License-Identifier: MIT
 * A message on its way through a broker. */
#ifndef WSHUB_MESSAGE_H
#define WSHUB_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to somebody else; not terminated, may hold any byte. */
struct wshub_bytes {
    const void *data;
    size_t length;
};

/* What the payload is, as far as its publisher said. */
enum wshub_payload_kind {
    WSHUB_PAYLOAD_RAW = 0,  /* anything: it did not come from a hub */
    WSHUB_PAYLOAD_JSON = 1, /* one valid JSON value */
};

/* Both ways: the hub gives one to publish, a plugin gives one to deliver. Whoever is called borrows it, and
 * all that it points to, until the call returns. */
struct wshub_message {
    uint32_t struct_size;       /* sizeof, set by whoever made it */
    uint32_t kind;              /* enum wshub_payload_kind */
    struct wshub_bytes channel; /* 1 to 255 bytes of UTF-8, no control characters */
    struct wshub_bytes payload;
    struct wshub_bytes sender;      /* connection_id of the publisher, or empty */
    struct wshub_bytes sender_user; /* its user, or empty */
};

#endif
