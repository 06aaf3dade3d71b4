// SPDX-License-Identifier: MIT
// Server-to-client frames: never masked, never fragmented. RFC 6455 section 5.2. Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum ws_opcode { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

enum { WS_HEADER_MAX = 10, WS_CONTROL_MAX = 125 };

// How many bytes the header of such a frame takes: 2, 4 or 10.
size_t ws_header_size(uint64_t payload_length);
// Writes the header of a final frame; returns ws_header_size(payload_length).
size_t ws_header_write(uint8_t *out, enum ws_opcode opcode, uint64_t payload_length);
// Writes a whole close frame; `code` 0 means no code. The reason is cut to 123 bytes at a character's edge.
// Returns its length. `out` holds 2 + WS_CONTROL_MAX.
size_t ws_close_write(uint8_t *out, uint16_t code, const char *reason);
