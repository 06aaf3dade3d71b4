// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wshub/envelope.h"

#define BYTES(text) ((struct wshub_bytes){text, sizeof(text) - 1})

static void assert_bytes(struct wshub_bytes got, struct wshub_bytes expected) {
    assert_int_equal(got.length, expected.length);
    if (got.length) {
        assert_memory_equal(got.data, expected.data, expected.length);
    }
}

// These bytes are a promise to every other reader.
static void the_bytes_are_as_documented(void **state) {
    const struct wshub_message message = {
        .sender = BYTES("s"),
        .sender_user = BYTES("uu"),
        .exclude = BYTES("x y"),
        .epoch = BYTES("e"),
        .offset = 258,
    };
    static const char expected[] = "\xFFwsh\x01\0\0\x1e"
                                   "\x01\0\x01s"
                                   "\x02\0\x02uu"
                                   "\x03\0\x03x y"
                                   "\x04\0\x01"
                                   "e\x05\0\x08\0\0\0\0\0\0\x01\x02";
    char out[sizeof expected];
    (void)state;
    assert_int_equal(wshub_envelope_size(&message), sizeof expected - 1);
    assert_int_equal(wshub_envelope_write(&message, out, sizeof out), sizeof expected - 1);
    assert_memory_equal(out, expected, sizeof expected - 1);
    assert_int_equal(wshub_envelope_write(&message, out, sizeof expected - 2), 0);
}

static void what_was_written_is_read(void **state) {
    const struct wshub_message message = {
        .sender = BYTES("s"), .exclude = BYTES("a b"), .offset = UINT64_MAX};
    char bytes[64];
    (void)state;
    size_t size = wshub_envelope_write(&message, bytes, sizeof bytes);
    memcpy(bytes + size, "{\"a\":1}", 7);
    struct wshub_message got = {0};
    assert_int_equal(wshub_envelope_read((struct wshub_bytes){bytes, size + 7}, &got), WSHUB_ENVELOPE_WHOLE);
    assert_bytes(got.sender, message.sender);
    assert_bytes(got.exclude, message.exclude);
    assert_bytes(got.sender_user, BYTES(""));
    assert_true(got.offset == UINT64_MAX);
    assert_bytes(got.payload, BYTES("{\"a\":1}"));
}

static void nothing_to_carry_is_an_envelope_too(void **state) {
    const struct wshub_message message = {0};
    char bytes[8];
    (void)state;
    assert_int_equal(wshub_envelope_write(&message, bytes, sizeof bytes), 8);
    struct wshub_message got = {0};
    assert_int_equal(wshub_envelope_read((struct wshub_bytes){bytes, 8}, &got), WSHUB_ENVELOPE_WHOLE);
    assert_int_equal(got.payload.length, 0);
}

static void all_else_is_raw(void **state) {
    static const struct wshub_bytes raws[] = {{NULL, 0},          {"\xFF", 1},      {"\xFFws", 3},
                                              {"\xFFwsx\x01", 5}, {"{\"a\":1}", 7}, {"wsh\x01\0\0", 6}};
    (void)state;
    for (size_t i = 0; i < sizeof raws / sizeof *raws; i++) {
        struct wshub_message got = {0};
        assert_int_equal(wshub_envelope_read(raws[i], &got), WSHUB_ENVELOPE_NONE);
        assert_bytes(got.payload, raws[i]);
    }
}

static void unknown_tags_are_skipped(void **state) {
    struct wshub_message got = {0};
    (void)state;
    assert_int_equal(wshub_envelope_read(BYTES("\xFFwsh\x01\0\0\x0a"
                                               "\x99\0\x03new"
                                               "\x01\0\x01s"
                                               "p"),
                                         &got),
                     WSHUB_ENVELOPE_WHOLE);
    assert_bytes(got.sender, BYTES("s"));
    assert_bytes(got.payload, BYTES("p"));
}

static void broken_ones_are_told(void **state) {
    static const struct wshub_bytes broken[] = {
        {"\xFFwsh", 4},                         // ends before the version
        {"\xFFwsh\x01\0\0", 7},                 // in the head
        {"\xFFwsh\x02\0\0\0", 8},               // another version
        {"\xFFwsh\x01\x01\0\0", 8},             // a flag
        {"\xFFwsh\x01\0\0\x01", 8},             // fewer fields than said
        {"\xFFwsh\x01\0\0\x02\x01\0", 10},      // in a field's head
        {"\xFFwsh\x01\0\0\x03\x01\0\x01s", 12}, // a field beyond the fields
        {"\xFFwsh\x01\0\0\x04\x05\0\x01s", 12}, // an offset of one byte
    };
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct wshub_message got = {0};
        char *exact = malloc(broken[i].length); // for the sanitizer
        assert_non_null(exact);
        memcpy(exact, broken[i].data, broken[i].length);
        assert_int_equal(wshub_envelope_read((struct wshub_bytes){exact, broken[i].length}, &got),
                         WSHUB_ENVELOPE_BROKEN);
        free(exact);
    }
}

static void more_than_it_holds_is_refused(void **state) {
    static char much[70000];
    struct wshub_message message = {.exclude = {much, 65532}};
    (void)state;
    assert_int_equal(wshub_envelope_size(&message), 8 + 65535);
    message.exclude.length++;
    assert_int_equal(wshub_envelope_size(&message), 0);
    assert_int_equal(wshub_envelope_write(&message, much, sizeof much), 0);
    message.exclude.length = 70000;
    assert_int_equal(wshub_envelope_size(&message), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_as_documented),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(nothing_to_carry_is_an_envelope_too),
        cmocka_unit_test(all_else_is_raw),
        cmocka_unit_test(unknown_tags_are_skipped),
        cmocka_unit_test(broken_ones_are_told),
        cmocka_unit_test(more_than_it_holds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
