// SPDX-License-Identifier: MIT
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

// Any key will do on loopback, but not zero: a server must do its unmasking.
static const unsigned char mask_key[4] = {0x5a, 0x13, 0xc7, 0x9e};

static void mask(char *payload, size_t length, const unsigned char key[4]) {
    for (size_t i = 0; i < length; i++)
        payload[i] = (char)((unsigned char)payload[i] ^ key[i & 3]);
}

int wire_parse(char *at, size_t available, struct wire_frame *frame) {
    const unsigned char *byte = (const unsigned char *)at;
    if (available < 2)
        return 0;
    if ((byte[0] & 0xf0) != 0x80 || (byte[1] & 0x7f) == 127)
        return -1;
    size_t header = 2;
    size_t length = byte[1] & 0x7f;
    if (length == 126) {
        if (available < 4)
            return 0;
        length = (size_t)byte[2] << 8 | byte[3];
        header = 4;
    }
    const unsigned char *key = byte[1] & 0x80 ? byte + header : NULL;
    if (key)
        header += 4;
    if (available < header + length)
        return 0;
    *frame = (struct wire_frame){byte[0] & 0x0f, at + header, length, header + length};
    if (key)
        mask(frame->payload, length, key);
    return 1;
}

static size_t put_header(char *out, int opcode, size_t length, unsigned char masked) {
    out[0] = (char)(0x80 | opcode);
    if (length < 126) {
        out[1] = (char)(masked | length);
        return 2;
    }
    out[1] = (char)(masked | 126);
    out[2] = (char)(length >> 8);
    out[3] = (char)(length & 0xff);
    return 4;
}

size_t wire_server_frame(char *out, int opcode, const char *payload, size_t length) {
    size_t header = put_header(out, opcode, length, 0);
    memcpy(out + header, payload, length);
    return header + length;
}

size_t wire_client_frame(char *out, int opcode, const char *payload, size_t length) {
    size_t header = put_header(out, opcode, length, 0x80);
    memcpy(out + header, mask_key, sizeof mask_key);
    header += sizeof mask_key;
    memcpy(out + header, payload, length);
    mask(out + header, length, mask_key);
    return header + length;
}

size_t wire_rest_take(struct wire_rest *rest, char *buffer) {
    size_t length = rest->length;
    if (length)
        memcpy(buffer, rest->bytes, length);
    wire_rest_drop(rest);
    return length;
}

int wire_rest_keep(struct wire_rest *rest, const char *bytes, size_t length) {
    if (length == 0)
        return 0;
    rest->bytes = malloc(length);
    if (!rest->bytes)
        return -1;
    memcpy(rest->bytes, bytes, length);
    rest->length = (uint32_t)length;
    return 0;
}

void wire_rest_drop(struct wire_rest *rest) {
    free(rest->bytes);
    *rest = (struct wire_rest){0};
}
