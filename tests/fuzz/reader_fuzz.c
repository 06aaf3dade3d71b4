// SPDX-License-Identifier: MIT
// A client's frames whole and in pieces: what is delivered, and how it ends, must be the same.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pieces.h"
#include "ws/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 5000 }; // more than wslay reports at once

struct verdict {
    uint64_t deliveries; // a hash over them
    size_t count;
    int code;
    const char *why;
    bool idle;
};

static void add(struct verdict *verdict, const void *data, size_t length) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++) {
        verdict->deliveries = (verdict->deliveries ^ bytes[i]) * 0x100000001b3;
    }
}

static bool deliver(struct verdict *verdict, uint64_t kind, const uint8_t *data, size_t length) {
    add(verdict, &kind, sizeof kind);
    add(verdict, &length, sizeof length);
    add(verdict, data, length);
    return ++verdict->count % 50 != 0; // stops now and then
}

static bool on_message(void *self, enum ws_opcode opcode, const uint8_t *data, size_t length) {
    FUZZ_CHECK((opcode == WS_TEXT || opcode == WS_BINARY) && length <= MESSAGE_MAX);
    return deliver(self, opcode, data, length);
}

static bool on_control(void *self, enum ws_opcode opcode, uint16_t close_code, const uint8_t *data,
                       size_t length) {
    FUZZ_CHECK(opcode >= WS_CLOSE && opcode <= WS_PONG && length <= WS_CONTROL_MAX);
    FUZZ_CHECK((opcode == WS_CLOSE) == (close_code >= 1000));
    return deliver(self, (uint64_t)opcode << 16 | close_code, data, length);
}

static struct verdict feed(struct pieces pieces) {
    static const struct ws_reader_handler handler = {on_message, on_control};
    struct verdict verdict = {.why = ""};
    struct ws_reader_pool *pool = ws_reader_pool_new(MESSAGE_MAX);
    struct ws_reader *reader = NULL;
    while (pieces.left > 0 && verdict.code == 0) {
        size_t length;
        char *piece = pieces_take(&pieces, &length);
        verdict.code =
            ws_reader_feed(pool, &reader, (uint8_t *)piece, length, &handler, &verdict, &verdict.why);
        free(piece);
    }
    verdict.idle = reader == NULL;
    ws_reader_drop(pool, &reader);
    ws_reader_pool_free(pool); // asserts that it got everything back
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct verdict whole = feed(pieces_whole(data, size)), split = feed(pieces_random(data, size));
    FUZZ_CHECK(whole.code == split.code && whole.why == split.why);
    FUZZ_CHECK(whole.count == split.count && whole.deliveries == split.deliveries &&
               whole.idle == split.idle);
    FUZZ_CHECK(whole.code == 0 || whole.code == 1002 || whole.code == 1007 || whole.code == 1009);
    return 0;
}
