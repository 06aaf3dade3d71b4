// SPDX-License-Identifier: MIT
// Client-to-server frames into messages: RFC 6455 sections 5 to 8, frames parsed by wslay (this header's .c
// is the only one that includes it). A reader holds wslay's 4 KiB buffer, so connections do not own one: a
// worker's pool lends it while a frame or message is incomplete, and an idle connection holds none.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ws/encode.h"

struct ws_reader;
struct ws_reader_pool;

// Called while ws_reader_feed runs; must not call it or ws_reader_drop. `data` is borrowed until it returns.
// Returning false stops the feed: the connection is closing and what follows is of no interest.
struct ws_reader_handler {
    // A whole message, WS_TEXT (valid UTF-8) or WS_BINARY.
    bool (*on_message)(void *self, enum ws_opcode opcode, const uint8_t *data, size_t length);
    // WS_PING and WS_PONG with their payload; WS_CLOSE with a valid code in `close_code` (1005: none was
    // sent) and the reason as data, after which the feed stops whatever is returned.
    bool (*on_control)(void *self, enum ws_opcode opcode, uint16_t close_code, const uint8_t *data,
                       size_t length);
};

// One pool per worker. `message_max` is the size of the largest message taken.
struct ws_reader_pool *ws_reader_pool_new(size_t message_max); // NULL: no memory
void ws_reader_pool_free(struct ws_reader_pool *pool);         // every reader must be back

// Feeds bytes. *reader is NULL between messages: it is borrowed from the pool here and given back when
// nothing is pending. Returns 0, or the close code that the peer has earned, with one sentence in *why (a
// constant):
//   1002 protocol error, 1007 text that is not UTF-8, 1009 message too big, 1011 no memory.
// After an error or a stop ws_reader_drop is due; until then whatever else is fed is ignored.
int ws_reader_feed(struct ws_reader_pool *pool, struct ws_reader **reader, const uint8_t *data, size_t length,
                   const struct ws_reader_handler *handler, void *self, const char **why);

// Gives back what a dying connection still holds. Sets *reader to NULL; NULL in it is fine.
void ws_reader_drop(struct ws_reader_pool *pool, struct ws_reader **reader);
