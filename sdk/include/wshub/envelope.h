/* SPDX-License-Identifier: MIT
 * The envelope: how a message's metadata travels through a broker that carries payloads and nothing else.
 *
 *     0xFF 'w' 's' 'h'   no UTF-8 text begins so: a raw payload is never taken for an envelope
 *     0x01               version
 *     0x00               flags, none yet
 *     2 bytes            length of the fields that follow
 *     fields             tag (1 byte), length (2 bytes), value
 *     payload            all the rest
 *
 * Numbers are big-endian. An empty field is left out, an unknown tag is skipped. What is not in an envelope
 * is a raw payload: some other program has published it. */
#ifndef WSHUB_ENVELOPE_H
#define WSHUB_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wshub/message.h"

#define WSHUB_ENVELOPE_MAGIC "\xFFwsh"
#define WSHUB_ENVELOPE_VERSION 1
#define WSHUB_ENVELOPE_HEAD 8     /* bytes before the fields */
#define WSHUB_ENVELOPE_MOST 65535 /* bytes of all fields */

enum wshub_envelope_tag {
    WSHUB_ENVELOPE_SENDER = 1,
    WSHUB_ENVELOPE_SENDER_USER = 2,
    WSHUB_ENVELOPE_EXCLUDE = 3,
    WSHUB_ENVELOPE_EPOCH = 4,
    WSHUB_ENVELOPE_OFFSET = 5 /* 8 bytes */
};

/* What wshub_envelope_read found. */
enum wshub_envelope_kind {
    WSHUB_ENVELOPE_BROKEN =
        -1,                  /* of a version that this code does not know, or damaged: not to be delivered */
    WSHUB_ENVELOPE_NONE = 0, /* a raw payload */
    WSHUB_ENVELOPE_WHOLE = 1
};

/* ---- internal ---- */

static inline size_t wshub_envelope_field_size_(struct wshub_bytes value) {
    return value.length ? 3 + value.length : 0;
}

static inline unsigned wshub_envelope_get16_(const unsigned char *at) {
    return (unsigned)at[0] << 8 | at[1];
}

static inline unsigned char *wshub_envelope_put_(unsigned char *at, int tag, struct wshub_bytes value) {
    if (value.length == 0) {
        return at;
    }
    at[0] = (unsigned char)tag;
    at[1] = (unsigned char)(value.length >> 8);
    at[2] = (unsigned char)value.length;
    memcpy(at + 3, value.data, value.length);
    return at + 3 + value.length;
}

/* False: a value that this tag cannot have. */
static inline int wshub_envelope_take_(struct wshub_message *out, int tag, struct wshub_bytes value) {
    const unsigned char *bytes = (const unsigned char *)value.data;
    size_t i;
    switch (tag) {
    case WSHUB_ENVELOPE_SENDER:
        out->sender = value;
        return 1;
    case WSHUB_ENVELOPE_SENDER_USER:
        out->sender_user = value;
        return 1;
    case WSHUB_ENVELOPE_EXCLUDE:
        out->exclude = value;
        return 1;
    case WSHUB_ENVELOPE_EPOCH:
        out->epoch = value;
        return 1;
    case WSHUB_ENVELOPE_OFFSET:
        out->offset = 0;
        for (i = 0; i < value.length && i < 8; i++) {
            out->offset = out->offset << 8 | bytes[i];
        }
        return value.length == 8;
    default:
        return 1;
    }
}

/* ---- what plugins call ---- */

/* Bytes of the message's envelope without the payload; 0: its metadata is more than an envelope holds. */
static inline size_t wshub_envelope_size(const struct wshub_message *message) {
    const struct wshub_bytes values[4] = {message->sender, message->sender_user, message->exclude,
                                          message->epoch};
    size_t fields = message->offset ? 3 + 8 : 0;
    size_t i;
    for (i = 0; i < 4; i++) {
        if (values[i].length > WSHUB_ENVELOPE_MOST) {
            return 0;
        }
        fields += wshub_envelope_field_size_(values[i]);
    }
    return fields > WSHUB_ENVELOPE_MOST ? 0 : WSHUB_ENVELOPE_HEAD + fields;
}

/* Writes the envelope, after which the caller puts the payload. Returns the bytes written; 0: `size` is less
 * than wshub_envelope_size says, or that is 0. */
static inline size_t wshub_envelope_write(const struct wshub_message *message, void *out, size_t size) {
    const size_t whole = wshub_envelope_size(message);
    const size_t fields = whole - WSHUB_ENVELOPE_HEAD;
    unsigned char offset[8];
    struct wshub_bytes position = {NULL, 0};
    unsigned char *at = (unsigned char *)out;
    int i;
    if (whole == 0 || whole > size) {
        return 0;
    }
    memcpy(at, WSHUB_ENVELOPE_MAGIC, 4);
    at[4] = WSHUB_ENVELOPE_VERSION;
    at[5] = 0;
    at[6] = (unsigned char)(fields >> 8);
    at[7] = (unsigned char)fields;
    at += WSHUB_ENVELOPE_HEAD;
    at = wshub_envelope_put_(at, WSHUB_ENVELOPE_SENDER, message->sender);
    at = wshub_envelope_put_(at, WSHUB_ENVELOPE_SENDER_USER, message->sender_user);
    at = wshub_envelope_put_(at, WSHUB_ENVELOPE_EXCLUDE, message->exclude);
    at = wshub_envelope_put_(at, WSHUB_ENVELOPE_EPOCH, message->epoch);
    if (message->offset) {
        for (i = 0; i < 8; i++) {
            offset[i] = (unsigned char)(message->offset >> (56 - 8 * i));
        }
        position.data = offset;
        position.length = sizeof offset;
    }
    wshub_envelope_put_(at, WSHUB_ENVELOPE_OFFSET, position);
    return whole;
}

/* Reads what the broker has brought into payload, sender, sender_user, exclude, epoch and offset of `out`,
 * which the caller has zeroed; they point into `in`. Returns enum wshub_envelope_kind. */
static inline int wshub_envelope_read(struct wshub_bytes in, struct wshub_message *out) {
    const unsigned char *at = (const unsigned char *)in.data;
    const unsigned char *end;
    size_t fields;
    if (in.length < 4 || memcmp(at, WSHUB_ENVELOPE_MAGIC, 4) != 0) {
        out->payload = in;
        return WSHUB_ENVELOPE_NONE;
    }
    if (in.length < WSHUB_ENVELOPE_HEAD || at[4] != WSHUB_ENVELOPE_VERSION || at[5] != 0) {
        return WSHUB_ENVELOPE_BROKEN;
    }
    fields = wshub_envelope_get16_(at + 6);
    if (fields > in.length - WSHUB_ENVELOPE_HEAD) {
        return WSHUB_ENVELOPE_BROKEN;
    }
    at += WSHUB_ENVELOPE_HEAD;
    end = at + fields;
    while (at < end) {
        struct wshub_bytes value = {NULL, 0};
        if (end - at < 3 || (size_t)(end - at) - 3 < wshub_envelope_get16_(at + 1)) {
            return WSHUB_ENVELOPE_BROKEN;
        }
        value.data = at + 3;
        value.length = wshub_envelope_get16_(at + 1);
        if (!wshub_envelope_take_(out, at[0], value)) {
            return WSHUB_ENVELOPE_BROKEN;
        }
        at += 3 + value.length;
    }
    out->payload.data = end;
    out->payload.length = in.length - WSHUB_ENVELOPE_HEAD - fields;
    return WSHUB_ENVELOPE_WHOLE;
}

#endif
