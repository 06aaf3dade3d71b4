// SPDX-License-Identifier: MIT
// Fuzzes wshub/envelope.h. What is read points into the input, and written again and read again it is the
// same.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pieces.h"
#include "wshub/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct wshub_bytes bytes, const uint8_t *data, size_t size) {
    const uint8_t *at = bytes.data;
    FUZZ_CHECK(bytes.length == 0 || (at >= data && bytes.length <= size && at <= data + size - bytes.length));
}

static void check_same(struct wshub_bytes a, struct wshub_bytes b) {
    FUZZ_CHECK(a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0));
}

static void check_again(const struct wshub_message *message) {
    struct wshub_message again = {0};
    const size_t head = wshub_envelope_size(message);
    const size_t size = head + message->payload.length;
    FUZZ_CHECK(head > 0);
    char *bytes = malloc(size);
    FUZZ_CHECK(bytes && wshub_envelope_write(message, bytes, head) == head);
    if (message->payload.length) {
        memcpy(bytes + head, message->payload.data, message->payload.length);
    }
    FUZZ_CHECK(wshub_envelope_read((struct wshub_bytes){bytes, size}, &again) == WSHUB_ENVELOPE_WHOLE);
    check_same(again.sender, message->sender);
    check_same(again.sender_user, message->sender_user);
    check_same(again.exclude, message->exclude);
    check_same(again.epoch, message->epoch);
    check_same(again.payload, message->payload);
    FUZZ_CHECK(again.offset == message->offset);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wshub_message message = {0};
    int kind = wshub_envelope_read((struct wshub_bytes){data, size}, &message);
    FUZZ_CHECK(kind >= WSHUB_ENVELOPE_BROKEN && kind <= WSHUB_ENVELOPE_WHOLE);
    if (kind == WSHUB_ENVELOPE_BROKEN) {
        return 0;
    }
    check_inside(message.payload, data, size);
    check_inside(message.sender, data, size);
    check_inside(message.sender_user, data, size);
    check_inside(message.exclude, data, size);
    check_inside(message.epoch, data, size);
    FUZZ_CHECK(kind == WSHUB_ENVELOPE_WHOLE || message.payload.length == size);
    check_again(&message);
    return 0;
}
