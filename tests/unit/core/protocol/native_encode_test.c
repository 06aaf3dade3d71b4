// SPDX-License-Identifier: MIT
// The native protocol: each event byte for byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/asks.h"
#include "hub/message.h"
#include "hub/position.h"
#include "protocol/json.h"
#include "protocol/native.h"
#include "util/buf.h"

#define SAY(text_) text_, sizeof text_ - 1

static void assert_encoded(const struct event *event, const char *text) {
    struct buf out = {0};
    native_encode(&out, event);
    assert_false(out.failed);
    if (out.length != strlen(text) || memcmp(out.data, text, out.length) != 0) {
        fail_msg("expected %s\nbut got %.*s", text, (int)out.length, out.data);
    }
    buf_free(&out);
}

static struct span span(const char *text) {
    return (struct span){text, strlen(text)};
}

static void welcome(void **state) {
    (void)state;
    assert_encoded(&(struct event){.kind = EVENT_WELCOME,
                                   .connection = "0123456789abcdef0123456789abcdef",
                                   .instance = "a\"b",
                                   .milliseconds = 54000},
                   "{\"op\":\"welcome\",\"connection\":\"0123456789abcdef0123456789abcdef\","
                   "\"instance\":\"a\\\"b\",\"ping_interval_ms\":54000}");
}

static void ok(void **state) {
    (void)state;
    assert_encoded(&(struct event){.kind = EVENT_OK, .id = span("1"), .channel = span("room:1")},
                   "{\"op\":\"ok\",\"id\":1,\"channel\":\"room:1\"}");
    assert_encoded(&(struct event){.kind = EVENT_OK, .id = span("\"a\\u0062\"")},
                   "{\"op\":\"ok\",\"id\":\"a\\u0062\"}");
    assert_encoded(&(struct event){.kind = EVENT_OK, .channel = span("a\"\\\n\xc3\xa9")},
                   "{\"op\":\"ok\",\"channel\":\"a\\\"\\\\\\u000a\xc3\xa9\"}");
    assert_encoded(&(struct event){.kind = EVENT_OK}, "{\"op\":\"ok\"}");
}

static void every_error_has_its_word(void **state) {
    static const struct {
        enum error_code error;
        const char *text;
    } cases[] = {
        {ERROR_BAD_REQUEST,
         "{\"op\":\"error\",\"id\":1,\"code\":\"bad_request\",\"message\":\"why\",\"retry\":false}"},
        {ERROR_TOO_LARGE,
         "{\"op\":\"error\",\"id\":1,\"code\":\"too_large\",\"message\":\"why\",\"retry\":false}"},
        {ERROR_UNAUTHENTICATED,
         "{\"op\":\"error\",\"id\":1,\"code\":\"unauthenticated\",\"message\":\"why\",\"retry\":false}"},
        {ERROR_DENIED, "{\"op\":\"error\",\"id\":1,\"code\":\"denied\",\"message\":\"why\",\"retry\":false}"},
        {ERROR_TOKEN_EXPIRED,
         "{\"op\":\"error\",\"id\":1,\"code\":\"token_expired\",\"message\":\"why\",\"retry\":false}"},
        {ERROR_UNKNOWN_OP,
         "{\"op\":\"error\",\"id\":1,\"code\":\"unknown_op\",\"message\":\"why\",\"retry\":false}"},
        {ERROR_NOT_SUBSCRIBED,
         "{\"op\":\"error\",\"id\":1,\"code\":\"not_subscribed\",\"message\":\"why\",\"retry\":false}"},
        {ERROR_ALREADY_SUBSCRIBED,
         "{\"op\":\"error\",\"id\":1,\"code\":\"already_subscribed\",\"message\":\"why\",\"retry\":false}"},
        {ERROR_LIMIT, "{\"op\":\"error\",\"id\":1,\"code\":\"limit\",\"message\":\"why\",\"retry\":false}"},
        {ERROR_RATE_LIMITED,
         "{\"op\":\"error\",\"id\":1,\"code\":\"rate_limited\",\"message\":\"why\",\"retry\":true}"},
        {ERROR_UNSUPPORTED,
         "{\"op\":\"error\",\"id\":1,\"code\":\"unsupported\",\"message\":\"why\",\"retry\":false}"},
        {ERROR_BROKER_UNAVAILABLE,
         "{\"op\":\"error\",\"id\":1,\"code\":\"broker_unavailable\",\"message\":\"why\",\"retry\":true}"},
        {ERROR_TIMEOUT,
         "{\"op\":\"error\",\"id\":1,\"code\":\"timeout\",\"message\":\"why\",\"retry\":true}"},
        {ERROR_INTERNAL,
         "{\"op\":\"error\",\"id\":1,\"code\":\"internal\",\"message\":\"why\",\"retry\":true}"},
        {ERROR_NOT_FOUND,
         "{\"op\":\"error\",\"id\":1,\"code\":\"not_found\",\"message\":\"why\",\"retry\":false}"},
    };
    (void)state;
    assert_int_equal(sizeof cases / sizeof *cases, ERROR_COUNT - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_encoded(
            &(struct event){.kind = EVENT_ERROR, .id = span("1"), .error = cases[i].error, .detail = "why"},
            cases[i].text);
    }
    assert_encoded(&(struct event){.kind = EVENT_ERROR, .error = ERROR_DENIED, .detail = "\"no\""},
                   "{\"op\":\"error\",\"code\":\"denied\",\"message\":\"\\\"no\\\"\",\"retry\":false}");
}

static struct wshub_bytes bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static void assert_message_encoded(const struct wshub_message *from, enum payload_form form,
                                   const char *text) {
    struct message *message = message_new(from, 0);
    assert_non_null(message);
    assert_encoded(
        &(struct event){
            .kind = EVENT_MESSAGE, .message = message, .payload = message_payload(message), .form = form},
        text);
    message_unref(message);
}

static void message(void **state) {
    (void)state;
    assert_message_encoded(&(struct wshub_message){.channel = bytes("room:1"),
                                                   .payload = bytes("{ \"text\" : \"hi\" }"),
                                                   .sender = bytes("0123")},
                           PAYLOAD_JSON,
                           "{\"op\":\"message\",\"channel\":\"room:1\",\"data\":{ \"text\" : \"hi\" },"
                           "\"from\":{\"connection\":\"0123\"}}");
    assert_message_encoded(&(struct wshub_message){.channel = bytes("a\"b"), .payload = bytes("1")},
                           PAYLOAD_JSON, "{\"op\":\"message\",\"channel\":\"a\\\"b\",\"data\":1}");
}

static void a_message_says_from_whom(void **state) {
    static const struct {
        const char *sender, *user, *from;
    } cases[] = {
        {"", "", ""},
        {"01", "", ",\"from\":{\"connection\":\"01\"}"},
        {"", "ann", ",\"from\":{\"user\":\"ann\"}"},
        {"01", "a\"\xc3\xa9", ",\"from\":{\"connection\":\"01\",\"user\":\"a\\\"\xc3\xa9\"}"},
        // What another publisher put there may be anything; a frame must be UTF-8.
        {"\xff", "ann", ",\"from\":{\"user\":\"ann\"}"},
        {"01", "\xed\xa0\x80", ",\"from\":{\"connection\":\"01\"}"},
        {"\xff", "\xff", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[160];
        snprintf(expected, sizeof expected, "{\"op\":\"message\",\"channel\":\"r\",\"data\":1%s}",
                 cases[i].from);
        assert_message_encoded(&(struct wshub_message){.channel = bytes("r"),
                                                       .payload = bytes("1"),
                                                       .sender = bytes(cases[i].sender),
                                                       .sender_user = bytes(cases[i].user)},
                               PAYLOAD_JSON, expected);
    }
}

static void text_that_is_no_json(void **state) {
    (void)state;
    assert_message_encoded(
        &(struct wshub_message){.channel = bytes("r"), .payload = bytes("say \"hi\"\n\x01\xc3\xa9")},
        PAYLOAD_TEXT,
        "{\"op\":\"message\",\"channel\":\"r\",\"text\":\"say \\\"hi\\\"\\u000a\\u0001\xc3\xa9\"}");
    assert_message_encoded(&(struct wshub_message){.channel = bytes("r")}, PAYLOAD_TEXT,
                           "{\"op\":\"message\",\"channel\":\"r\",\"text\":\"\"}");
}

static void assert_base64(const void *data, size_t length, const char *base64) {
    char expected[512];
    snprintf(expected, sizeof expected,
             "{\"op\":\"message\",\"channel\":\"r\",\"base64\":\"%s\","
             "\"from\":{\"connection\":\"01\"}}",
             base64);
    assert_message_encoded(
        &(struct wshub_message){.channel = bytes("r"), .payload = {data, length}, .sender = bytes("01")},
        PAYLOAD_BINARY, expected);
}

static void bytes_that_are_no_text(void **state) {
    static const char *const encoded[] = {"", "/w==", "//8=", "////", "/////w=="};
    static const char all_encoded[] =
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BB"
        "QkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKD"
        "hIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TF"
        "xsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+/w==";
    unsigned char all[256];
    (void)state;
    for (size_t length = 0; length < 5; length++) {
        assert_base64("\xff\xff\xff\xff", length, encoded[length]);
    }
    for (int i = 0; i < 256; i++) {
        all[i] = (unsigned char)i;
    }
    assert_base64(all, sizeof all, all_encoded);
}

static void a_last_value_says_so(void **state) {
    struct message *made =
        message_new(&(struct wshub_message){.channel = {"a", 1}, .payload = {"1", 1}, .sender = {"x", 1}}, 0);
    (void)state;
    assert_non_null(made);
    assert_encoded(&(struct event){.kind = EVENT_MESSAGE,
                                   .message = made,
                                   .payload = message_payload(made),
                                   .form = PAYLOAD_JSON,
                                   .is_last = true},
                   "{\"op\":\"message\",\"channel\":\"a\",\"data\":1,\"from\":{\"connection\":\"x\"},"
                   "\"last\":true}");
    message_unref(made);
}

static void gap(void **state) {
    (void)state;
    assert_encoded(&(struct event){.kind = EVENT_GAP, .channel = span("a\"b")},
                   "{\"op\":\"gap\",\"channel\":\"a\\\"b\"}");
}

static struct position at(const char *epoch, uint64_t offset) {
    struct position position;
    assert_true(position_set(&position, span(epoch), offset));
    return position;
}

static void positions(void **state) {
    const struct position here = at("k\"3f", 44), none = {0};
    (void)state;
    assert_encoded(
        &(struct event){.kind = EVENT_OK, .id = span("1"), .channel = span("r"), .position = &here},
        "{\"op\":\"ok\",\"id\":1,\"channel\":\"r\",\"position\":{\"epoch\":\"k\\\"3f\",\"offset\":44}}");
    assert_encoded(&(struct event){.kind = EVENT_OK, .id = span("1"), .position = &none},
                   "{\"op\":\"ok\",\"id\":1}");
    assert_encoded(&(struct event){.kind = EVENT_OK, .id = span("1"), .recovered = RECOVERED_YES},
                   "{\"op\":\"ok\",\"id\":1,\"recovered\":true}");
    assert_encoded(&(struct event){.kind = EVENT_OK, .id = span("1"), .recovered = RECOVERED_NO},
                   "{\"op\":\"ok\",\"id\":1,\"recovered\":false}");
    assert_encoded(&(struct event){.kind = EVENT_GAP, .channel = span("r"), .position = &here},
                   "{\"op\":\"gap\",\"channel\":\"r\",\"position\":{\"epoch\":\"k\\\"3f\",\"offset\":44}}");
}

static void a_message_of_a_history_has_an_offset(void **state) {
    (void)state;
    assert_message_encoded(&(struct wshub_message){.channel = bytes("r"),
                                                   .payload = bytes("1"),
                                                   .sender = bytes("01"),
                                                   .epoch = bytes("e"),
                                                   .offset = UINT64_MAX},
                           PAYLOAD_JSON,
                           "{\"op\":\"message\",\"channel\":\"r\",\"data\":1,\"offset\":18446744073709551615,"
                           "\"from\":{\"connection\":\"01\"}}");
}

#define ITEM(n_) "{\"data\":" #n_ ",\"offset\":" #n_ "}"
#define HEAD \
    "{\"op\":\"ok\",\"id\":4,\"channel\":\"r\",\"position\":{\"epoch\":\"e\",\"offset\":9},\"messages\":["
#define NEXT(n_) "],\"more\":true,\"next\":{\"epoch\":\"e\",\"offset\":" #n_ "}}"

// What has no room is left out, but for the first; then there is more, and it says from where.
static void a_page_of_a_history(void **state) {
    static const struct {
        size_t count, room;
        bool more;
        const char *text;
    } cases[] = {
        {0, 100, false, HEAD "]}"},
        {0, 100, true, HEAD NEXT(7)}, // of those that were looked at nobody may see any
        {1, 0, false, HEAD ITEM(5) "]}"},
        {2, 1000, false, HEAD ITEM(5) "," ITEM(6) "]}"},
        {2, 1000, true, HEAD ITEM(5) "," ITEM(6) NEXT(7)},
        {2, sizeof ITEM(5) "," ITEM(6) - 1, false, HEAD ITEM(5) "," ITEM(6) "]}"},
        {2, sizeof ITEM(5) "," ITEM(6) - 2, false, HEAD ITEM(5) NEXT(5)},
        {2, 0, false, HEAD ITEM(5) NEXT(5)},
    };
    const struct position here = at("e", 9), next = at("e", 7);
    struct page_item items[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct wshub_message from = {.channel = bytes("r"),
                                           .payload = bytes(i ? "6" : "5"),
                                           .epoch = bytes("e"),
                                           .offset = (uint64_t)(5 + i)};
        items[i].message = message_new(&from, 0);
        items[i].payload = message_payload(items[i].message);
        items[i].form = PAYLOAD_JSON;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct page page = {items, cases[i].count, cases[i].room, cases[i].more, &next};
        assert_encoded(
            &(struct event){
                .kind = EVENT_OK, .id = span("4"), .channel = span("r"), .position = &here, .page = &page},
            cases[i].text);
    }
    message_unref((struct message *)items[0].message);
    message_unref((struct message *)items[1].message);
}

static void members_and_who_comes_and_goes(void **state) {
    char list[] = "[{\"connection\":\"01\"}]";
    struct ask *ask = ask_new(span("r"), span(""));
    struct message *made =
        message_new(&(struct wshub_message){.channel = bytes("r"), .payload = bytes("{\"user\":\"a\"}")}, 0);
    struct event event = {.kind = EVENT_OK, .id = span("5"), .channel = span("r"), .ask = ask};
    (void)state;
    ask->connections = 3;
    ask->users = 2;
    assert_encoded(&event,
                   "{\"op\":\"ok\",\"id\":5,\"channel\":\"r\",\"members\":[],\"connections\":3,\"users\":2}");
    ask->members = strdup(list);
    ask->members_length = strlen(list);
    assert_encoded(&event, "{\"op\":\"ok\",\"id\":5,\"channel\":\"r\",\"members\":[{\"connection\":\"01\"}],"
                           "\"connections\":3,\"users\":2}");
    ask->count_only = true;
    assert_encoded(&event, "{\"op\":\"ok\",\"id\":5,\"channel\":\"r\",\"connections\":3,\"users\":2}");
    ask_free(ask);
    event = (struct event){.kind = EVENT_JOIN, .message = made, .payload = message_payload(made)};
    assert_encoded(&event, "{\"op\":\"join\",\"channel\":\"r\",\"member\":{\"user\":\"a\"}}");
    event.kind = EVENT_LEAVE;
    assert_encoded(&event, "{\"op\":\"leave\",\"channel\":\"r\",\"member\":{\"user\":\"a\"}}");
    message_unref(made);
}

static void a_direct_message_has_no_channel(void **state) {
    struct message *made = message_new(&(struct wshub_message){.channel = bytes("$wshub:user:x"),
                                                               .payload = bytes("1"),
                                                               .sender = bytes("01")},
                                       0);
    (void)state;
    assert_encoded(
        &(struct event){
            .kind = EVENT_DIRECT, .message = made, .payload = message_payload(made), .form = PAYLOAD_JSON},
        "{\"op\":\"direct\",\"data\":1,\"from\":{\"connection\":\"01\"}}");
    message_unref(made);
}

static void closing(void **state) {
    (void)state;
    assert_encoded(
        &(struct event){.kind = EVENT_CLOSING, .word = "drain", .may_return = true, .milliseconds = 812},
        "{\"op\":\"closing\",\"code\":\"drain\",\"reconnect_after_ms\":812}");
    assert_encoded(&(struct event){.kind = EVENT_CLOSING, .word = "drain", .may_return = true},
                   "{\"op\":\"closing\",\"code\":\"drain\",\"reconnect_after_ms\":0}");
    assert_encoded(&(struct event){.kind = EVENT_CLOSING, .word = "revoked", .milliseconds = 812},
                   "{\"op\":\"closing\",\"code\":\"revoked\"}");
}

static void what_an_identity_is_told(void **state) {
    (void)state;
    assert_encoded(&(struct event){.kind = EVENT_WELCOME,
                                   .connection = "01",
                                   .instance = "me",
                                   .milliseconds = 5,
                                   .user = span("a\"b"),
                                   .expires_in = UINT64_C(5000000000)},
                   "{\"op\":\"welcome\",\"connection\":\"01\",\"instance\":\"me\",\"ping_interval_ms\":5,"
                   "\"user\":\"a\\\"b\",\"expires_in_ms\":5000000000}");
    assert_encoded(&(struct event){.kind = EVENT_OK, .id = span("7"), .expires_in = 9},
                   "{\"op\":\"ok\",\"id\":7,\"expires_in_ms\":9}");
    assert_encoded(&(struct event){.kind = EVENT_EXPIRING, .expires_in = 9},
                   "{\"op\":\"expiring\",\"expires_in_ms\":9}");
    assert_encoded(&(struct event){.kind = EVENT_UNSUBSCRIBED, .channel = span("a\"b"), .word = "revoked"},
                   "{\"op\":\"unsubscribed\",\"channel\":\"a\\\"b\",\"code\":\"revoked\"}");
}

static void it_appends(void **state) {
    struct buf out = {0};
    (void)state;
    buf_puts(&out, "before ");
    native_encode(&out, &(struct event){.kind = EVENT_OK});
    assert_int_equal(out.length, strlen("before {\"op\":\"ok\"}"));
    assert_memory_equal(out.data, "before {\"op\":\"ok\"}", out.length);
    buf_free(&out);
}

static void the_protocol_stands_in_the_table(void **state) {
    (void)state;
    assert_string_equal(protocols[PROTOCOL_NATIVE].path, "/ws");
    assert_string_equal(protocols[PROTOCOL_NATIVE].subprotocol, "wshub.json.v1");
    assert_ptr_equal(protocols[PROTOCOL_NATIVE].decode, native_decode);
    assert_ptr_equal(protocols[PROTOCOL_NATIVE].encode, native_encode);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(welcome),
        cmocka_unit_test(ok),
        cmocka_unit_test(every_error_has_its_word),
        cmocka_unit_test(message),
        cmocka_unit_test(a_message_says_from_whom),
        cmocka_unit_test(text_that_is_no_json),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(a_last_value_says_so),
        cmocka_unit_test(gap),
        cmocka_unit_test(positions),
        cmocka_unit_test(a_message_of_a_history_has_an_offset),
        cmocka_unit_test(a_page_of_a_history),
        cmocka_unit_test(members_and_who_comes_and_goes),
        cmocka_unit_test(a_direct_message_has_no_channel),
        cmocka_unit_test(closing),
        cmocka_unit_test(what_an_identity_is_told),
        cmocka_unit_test(it_appends),
        cmocka_unit_test(the_protocol_stands_in_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
