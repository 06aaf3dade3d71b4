// SPDX-License-Identifier: MIT
// Fuzzes what reads the answers of the scripts about a history: a reply as a server may send it, of any
// shape, with whatever stands in the stream.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "page.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const struct page *page, size_t index) {
    struct wshub_message message;
    if (page_message(page, index, &message)) {
        FUZZ_CHECK(message.offset >= 1 && message.offset >= page->first && message.offset <= page->newest);
        FUZZ_CHECK(message.previous == message.offset - 1);
        FUZZ_CHECK(message.epoch.data == page->epoch.data);
        FUZZ_CHECK(message.payload.length == 0 || message.payload.data);
    }
}

static void check_page(const redisReply *reply) {
    struct page page;
    if (!page_read(reply, &page)) {
        return;
    }
    FUZZ_CHECK(page.epoch.length >= 1 && page.epoch.length <= 64 && page.oldest <= page.newest);
    for (size_t i = 0; i < page.count; i++) {
        check_message(&page, i);
    }
}

static void check_position(const redisReply *reply) {
    struct wshub_bytes epoch;
    uint64_t offset;
    if (page_read_position(reply, &epoch, &offset)) {
        FUZZ_CHECK(offset >= 1 && epoch.length >= 1 && epoch.length <= 64);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    FUZZ_CHECK(reader);
    // A connection limits arrays itself; here a small input must not ask for gigabytes.
    for (size_t i = 0, digits = 0; i < size; i++) {
        digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
        if (digits > 5) {
            redisReaderFree(reader);
            return 0;
        }
    }
    if (redisReaderFeed(reader, (const char *)data, size) == REDIS_OK &&
        redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
        check_page(reply);
        check_position(reply);
        freeReplyObject(reply);
    }
    redisReaderFree(reader);
    return 0;
}
