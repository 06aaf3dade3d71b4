/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct field {
    const char *header;
    size_t place; /* of struct wshub_bytes, in the message */
} fields[] = {
    {WIRE_SENDER, offsetof(struct wshub_message, sender)},
    {WIRE_USER, offsetof(struct wshub_message, sender_user)},
    {WIRE_EXCLUDE, offsetof(struct wshub_message, exclude)},
    {WIRE_EPOCH, offsetof(struct wshub_message, epoch)},
};
enum { FIELDS = sizeof fields / sizeof *fields, USUAL = 512, DIGITS = 24, ID = 160 /* a header of an id */ };

/* ---- out ---- */

static const struct wshub_bytes *value_in(const struct wshub_message *message, const struct field *field) {
    return (const struct wshub_bytes *)(const void *)((const char *)message + field->place);
}

static bool is_plain(const struct wshub_bytes *value, size_t at) {
    const unsigned char byte = ((const unsigned char *)value->data)[at];
    const bool inside = at > 0 && at + 1 < value->length;
    return byte > ' ' ? byte != '%' && byte != 0x7f : byte == ' ' && inside;
}

static void escape(char *out, const struct wshub_bytes *value) {
    static const char digits[] = "0123456789ABCDEF";
    const unsigned char *bytes = value->data;
    for (size_t i = 0; i < value->length; i++) {
        if (is_plain(value, i)) {
            *out++ = (char)bytes[i];
        } else {
            *out++ = '%';
            *out++ = digits[bytes[i] >> 4];
            *out++ = digits[bytes[i] & 15];
        }
    }
    *out = 0;
}

static size_t escaped_size(const struct wshub_bytes *value) {
    size_t size = value->length;
    for (size_t i = 0; i < value->length; i++) {
        size += is_plain(value, i) ? 0 : 2;
    }
    return size;
}

size_t wire_size(const struct wshub_message *message) {
    size_t size = message->payload.length + sizeof "NATS/1.0\r\n\r\n";
    for (size_t i = 0; i < FIELDS; i++) {
        const struct wshub_bytes *value = value_in(message, &fields[i]);
        size += value->length ? strlen(fields[i].header) + escaped_size(value) + 4 : 0;
    }
    size += message->offset ? sizeof WIRE_OFFSET + DIGITS : 0;
    size += message->key.length ? ID : 0;
    return size;
}

static bool set_header(natsMsg *out, const struct field *field, const struct wshub_bytes *value) {
    char usual[USUAL];
    const size_t size = escaped_size(value) + 1;
    char *text = size <= USUAL ? usual : malloc(size);
    if (!text) {
        return false;
    }
    escape(text, value);
    const bool done = natsMsgHeader_Set(out, field->header, text) == NATS_OK;
    if (text != usual) {
        free(text);
    }
    return done;
}

static bool set_headers(natsMsg *out, const char *id, const struct wshub_message *message) {
    char offset[DIGITS];
    snprintf(offset, sizeof offset, "%llu", (unsigned long long)message->offset);
    for (size_t i = 0; i < FIELDS; i++) {
        const struct wshub_bytes *value = value_in(message, &fields[i]);
        if (value->length && !set_header(out, &fields[i], value)) {
            return false;
        }
    }
    return (message->offset == 0 || natsMsgHeader_Set(out, WIRE_OFFSET, offset) == NATS_OK) &&
           (!id || natsMsgHeader_Set(out, "Nats-Msg-Id", id) == NATS_OK);
}

natsMsg *wire_write(const char *subject, const char *reply, const char *id,
                    const struct wshub_message *message) {
    natsMsg *out = NULL;
    if (natsMsg_Create(&out, subject, reply, message->payload.data, (int)message->payload.length) !=
        NATS_OK) {
        return NULL;
    }
    if (!set_headers(out, id, message)) {
        natsMsg_Destroy(out);
        return NULL;
    }
    return out;
}

/* ---- in ---- */

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What is not an escape stands for itself: others may set these headers too. */
static size_t unescape(char *out, const char *text) {
    char *const begin = out;
    for (; *text; text++) {
        const int high = *text == '%' ? hex(text[1]) : -1, low = high < 0 ? -1 : hex(text[2]);
        *out++ = low < 0 ? *text : (char)(high << 4 | low);
        text += low < 0 ? 0 : 2;
    }
    return (size_t)(out - begin);
}

bool wire_read(natsMsg *from, struct wshub_message *message, char **memory) {
    const char *texts[FIELDS] = {NULL};
    size_t size = 0;
    *message = (struct wshub_message){.struct_size = sizeof *message};
    *memory = NULL;
    message->payload = (struct wshub_bytes){natsMsg_GetData(from), (size_t)natsMsg_GetDataLength(from)};
    message->offset = wire_number(from, WIRE_OFFSET);
    for (size_t i = 0; i < FIELDS; i++) {
        if (natsMsgHeader_Get(from, fields[i].header, &texts[i]) != NATS_OK) {
            texts[i] = NULL;
        }
        size += texts[i] ? strlen(texts[i]) : 0;
    }
    if (size == 0) {
        return true;
    }
    char *next = *memory = malloc(size);
    for (size_t i = 0; next && i < FIELDS; i++) {
        if (texts[i]) {
            struct wshub_bytes *value = (void *)((char *)message + fields[i].place);
            *value = (struct wshub_bytes){next, unescape(next, texts[i])};
            next += value->length;
        }
    }
    return *memory != NULL;
}

uint64_t wire_number(natsMsg *from, const char *header) {
    const char *text;
    return natsMsgHeader_Get(from, header, &text) == NATS_OK && text ? strtoull(text, NULL, 10) : 0;
}
