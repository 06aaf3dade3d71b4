// SPDX-License-Identifier: MIT
// WebSocket bytes made by hand, for both programs of the benchmark. Nothing of the hub's code is used here:
// the measuring side must not change when the measured side does.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The nonce of RFC 6455's own example. Every client sends it, so the accept value is a constant: the bare
// server computes nothing, and the client can still check that the hub computed it.
#define WIRE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WIRE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum { WIRE_TEXT = 1, WIRE_CLOSE = 8, WIRE_PING = 9, WIRE_PONG = 10 };
enum { WIRE_HEADER_MAX = 14, WIRE_PAYLOAD_MAX = 65535 };

struct wire_frame {
    int opcode;
    char *payload; // in the caller's buffer, unmasked in place
    size_t length;
    size_t total; // bytes of the whole frame
};

// 1: a whole frame; 0: more bytes are needed; -1: not something that this benchmark expects (fragments, RSV
// bits, over WIRE_PAYLOAD_MAX).
int wire_parse(char *at, size_t available, struct wire_frame *frame);

// Both write header and payload to `out` (room for WIRE_HEADER_MAX + length) and return the bytes written.
size_t wire_server_frame(char *out, int opcode, const char *payload, size_t length);
size_t wire_client_frame(char *out, int opcode, const char *payload, size_t length);

// The part of a message that a read cut off, kept until the next read. Most connections have none.
struct wire_rest {
    char *bytes;
    uint32_t length;
};

// Moves what is kept to the front of `buffer` and returns its length.
size_t wire_rest_take(struct wire_rest *rest, char *buffer);
// Keeps `length` bytes; -1 when memory is short.
int wire_rest_keep(struct wire_rest *rest, const char *bytes, size_t length);
void wire_rest_drop(struct wire_rest *rest);
