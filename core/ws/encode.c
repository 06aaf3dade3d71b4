// SPDX-License-Identifier: MIT
#include "ws/encode.h"

#include <string.h>

enum { FIN = 0x80, LENGTH_16 = 126, LENGTH_64 = 127 };

size_t ws_header_size(uint64_t payload_length) {
    if (payload_length < LENGTH_16) {
        return 2;
    }
    return payload_length <= UINT16_MAX ? 4 : WS_HEADER_MAX;
}

static void write_big_endian(uint8_t *out, uint64_t value, size_t bytes) {
    for (size_t i = bytes; i > 0; i--) {
        out[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

size_t ws_header_write(uint8_t *out, enum ws_opcode opcode, uint64_t payload_length) {
    size_t size = ws_header_size(payload_length);
    out[0] = (uint8_t)(FIN | opcode);
    if (size == 2) {
        out[1] = (uint8_t)payload_length;
        return size;
    }
    out[1] = size == WS_HEADER_MAX ? LENGTH_64 : LENGTH_16;
    write_big_endian(out + 2, payload_length, size - 2);
    return size;
}

// At most `max` bytes, without leaving half a character at the end.
static size_t cut_length(const char *text, size_t max) {
    size_t length = strnlen(text, max + 1);
    if (length <= max) {
        return length;
    }
    length = max;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
        length--;
    }
    return length;
}

size_t ws_close_write(uint8_t *out, uint16_t code, const char *reason) {
    if (code == 0) { // without a code there is no place for a reason (RFC 6455 section 5.5.1)
        return ws_header_write(out, WS_CLOSE, 0);
    }
    size_t reason_length = reason ? cut_length(reason, WS_CONTROL_MAX - 2) : 0;
    size_t header = ws_header_write(out, WS_CLOSE, 2 + reason_length);
    write_big_endian(out + header, code, 2);
    if (reason_length > 0) {
        memcpy(out + header + 2, reason, reason_length);
    }
    return header + 2 + reason_length;
}
