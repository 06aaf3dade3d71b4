// SPDX-License-Identifier: MIT
// Fuzzes core/protocol/native: any bytes become exactly one operation whose spans lie in the input, and
// whatever is answered to it is JSON again, with the client's id and channel unchanged. And the same bytes as
// a payload that came from elsewhere.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/message.h"
#include "hub/position.h"
#include "pieces.h"
#include "protocol/json.h"
#include "protocol/native.h"
#include "util/buf.h"
#include "util/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OP, ID, CHANNEL, DATA, MEMBERS };
static const char *const names[MEMBERS] = {"op", "id", "channel", "data"};

struct input {
    const char *data;
    size_t size;
    unsigned operations;
};

static bool is_inside(const struct input *input, struct span span) {
    return span.length == 0 ||
           (span.data >= input->data && span.data + span.length <= input->data + input->size);
}

static bool is_same(struct span a, const char *data, size_t length) {
    return a.length == length && (length == 0 || memcmp(a.data, data, length) == 0);
}

static void check_encoded(const struct event *event, const char *op, const struct operation *operation) {
    struct json_reader *json = json_reader_new();
    struct json_member members[MEMBERS];
    struct buf out = {0};
    native_encode(&out, event);
    FUZZ_CHECK(!out.failed);
    FUZZ_CHECK(json_read(json, out.data, out.length, names, MEMBERS, members) == JSON_OK);
    FUZZ_CHECK(is_same((struct span){op, strlen(op)}, members[OP].text, members[OP].text_length));
    FUZZ_CHECK(is_same(event->id, members[ID].raw, members[ID].raw_length));
    if (event->kind != EVENT_ERROR && operation->channel.length > 0) {
        FUZZ_CHECK(is_same(operation->channel, members[CHANNEL].text, members[CHANNEL].text_length));
    }
    if (event->kind == EVENT_MESSAGE) {
        FUZZ_CHECK(is_same(operation->data, members[DATA].raw, members[DATA].raw_length));
    }
    buf_free(&out);
    json_reader_free(json);
}

static void check_message(const struct operation *operation) {
    const struct wshub_message from = {
        .struct_size = sizeof from,
        .channel = {operation->channel.data, operation->channel.length},
        .payload = {operation->data.data, operation->data.length},
        .sender = {"0123456789abcdef0123456789abcdef", operation->id.length % 2 ? 32 : 0},
    };
    struct message *message = message_new(&from, 1);
    FUZZ_CHECK(message);
    check_encoded(
        &(struct event){.kind = EVENT_MESSAGE, .message = message, .payload = message_payload(message)},
        "message", operation);
    message_unref(message);
}

// What came out of members of members: within its bounds, and what is made of it is JSON.
static void check_members(const struct operation *operation) {
    struct position position;
    FUZZ_CHECK(operation->key.length <= 64 && operation->limit <= 1000);
    FUZZ_CHECK(operation->to_user.length <= 255);
    FUZZ_CHECK(operation->to_connection.length == 0 || operation->to_connection.length == 32);
    FUZZ_CHECK(operation->verb != VERB_SEND ||
               (operation->to_user.length > 0) != (operation->to_connection.length > 0));
    FUZZ_CHECK(position_set(&position, operation->epoch, operation->offset));
    FUZZ_CHECK(operation->has_position == (position.epoch_length > 0));
    check_encoded(&(struct event){.kind = EVENT_OK,
                                  .id = operation->id,
                                  .channel = operation->channel,
                                  .position = &position,
                                  .recovered = RECOVERED_YES},
                  "ok", operation);
}

static void on_operation(void *context, const struct operation *operation) {
    struct input *input = context;
    input->operations++;
    FUZZ_CHECK(is_inside(input, operation->id) && operation->id.length <= 128);
    FUZZ_CHECK(is_inside(input, operation->data));
    if (operation->verb == VERB_NONE) {
        FUZZ_CHECK(operation->error > ERROR_NONE && operation->error < ERROR_COUNT && operation->detail);
        check_encoded(&(struct event){.kind = EVENT_ERROR,
                                      .id = operation->id,
                                      .error = operation->error,
                                      .detail = operation->detail},
                      "error", operation);
        return;
    }
    FUZZ_CHECK(operation->verb < VERB_COUNT && operation->error == ERROR_NONE);
    check_members(operation);
    if (operation->verb == VERB_PUBLISH && !channel_name_error(operation->channel)) { // as the hub checks it
        check_message(operation);
    }
}

// What some other program has published: whatever it is, a client gets one JSON object that carries it whole.
static void check_raw(struct json_reader *json, const char *data, size_t size) {
    static const char *const forms[] = {
        [PAYLOAD_JSON] = "data", [PAYLOAD_TEXT] = "text", [PAYLOAD_BINARY] = "base64"};
    const struct wshub_message from = {
        .struct_size = sizeof from, .channel = {"room", 4}, .payload = {data, size}};
    struct message *message = message_new(&from, 1);
    struct event event = {.kind = EVENT_MESSAGE, .message = message, .payload = {data, size}};
    struct json_member member;
    struct buf out = {0};
    FUZZ_CHECK(message);
    if (json_read_value(json, data, size, &event.payload) != JSON_OK) {
        event.form = utf8_is_valid(data, size) ? PAYLOAD_TEXT : PAYLOAD_BINARY;
    }
    native_encode(&out, &event);
    FUZZ_CHECK(!out.failed);
    FUZZ_CHECK(json_read(json, out.data, out.length, &forms[event.form], 1, &member) == JSON_OK);
    if (event.form == PAYLOAD_JSON) {
        FUZZ_CHECK(is_same(event.payload, member.raw, member.raw_length));
    } else if (event.form == PAYLOAD_TEXT) {
        FUZZ_CHECK(is_same(event.payload, member.text, member.text_length));
    } else {
        FUZZ_CHECK(member.text_length == (size + 2) / 3 * 4);
    }
    buf_free(&out);
    message_unref(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_reader *json = json_reader_new();
    // A copy of just this size, so that the sanitizer sees every byte beyond.
    char *text = malloc(size ? size : 1);
    FUZZ_CHECK(json && text);
    if (size > 0) {
        memcpy(text, data, size);
    }
    // Twice, as a reader is used again and again.
    for (int i = 0; i < 2; i++) {
        struct input input = {text, size, 0};
        native_decode(json, text, size, on_operation, &input);
        FUZZ_CHECK(input.operations == 1);
    }
    check_raw(json, text, size);
    free(text);
    json_reader_free(json);
    return 0;
}
