// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ws/encode.h"

static const struct {
    const char *name;
    enum ws_opcode opcode;
    uint64_t length;
    size_t size;
    uint8_t header[WS_HEADER_MAX];
} header_cases[] = {
    {"RFC 6455 5.7: Hello", WS_TEXT, 5, 2, {0x81, 0x05}},
    {"RFC 6455 5.7: ping", WS_PING, 5, 2, {0x89, 0x05}},
    {"RFC 6455 5.7: 256 bytes", WS_BINARY, 256, 4, {0x82, 0x7e, 0x01, 0x00}},
    {"RFC 6455 5.7: 64 KiB", WS_BINARY, 65536, 10, {0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0}},
    {"empty", WS_TEXT, 0, 2, {0x81, 0x00}},
    {"longest short form", WS_PONG, 125, 2, {0x8a, 0x7d}},
    {"shortest 16-bit form", WS_TEXT, 126, 4, {0x81, 0x7e, 0x00, 0x7e}},
    {"longest 16-bit form", WS_TEXT, 65535, 4, {0x81, 0x7e, 0xff, 0xff}},
    {"beyond 32 bits", WS_TEXT, 0x0102030405060708, 10, {0x81, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8}},
};

static void test_header(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof header_cases / sizeof header_cases[0]; i++) {
        print_message("  %s\n", header_cases[i].name);
        uint8_t out[WS_HEADER_MAX + 1];
        memset(out, 0xee, sizeof out);
        size_t size = ws_header_write(out, header_cases[i].opcode, header_cases[i].length);
        assert_int_equal(size, header_cases[i].size);
        assert_int_equal(size, ws_header_size(header_cases[i].length));
        assert_memory_equal(out, header_cases[i].header, size);
        assert_int_equal(out[size], 0xee);
    }
}

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONGEST HUNDRED TEN TEN "012" // 123 bytes

static const struct {
    const char *name;
    uint16_t code;
    const char *reason;
    const char *sent; // the reason that stands in the frame; NULL: not even a code
} close_cases[] = {
    {"code and reason", 1000, "bye", "bye"},
    {"code alone", 1001, NULL, ""},
    {"empty reason", 1001, "", ""},
    {"RFC 6455 5.5.1: no code, so no reason", 0, "bye", NULL},
    {"nothing", 0, NULL, NULL},
    {"RFC 6455 5.5: longest", 1008, LONGEST, LONGEST},
    {"too long", 1008, LONGEST "3", LONGEST},
    {"far too long", 1008, HUNDRED HUNDRED HUNDRED, LONGEST},
    {"cut before two bytes", 1008, HUNDRED TEN TEN "01\xc3\xa4", HUNDRED TEN TEN "01"},
    {"not cut behind two bytes", 1008, HUNDRED TEN TEN "0\xc3\xa4x", HUNDRED TEN TEN "0\xc3\xa4"},
    {"cut before four bytes", 1008, HUNDRED TEN TEN "\xf0\x9f\x98\x80", HUNDRED TEN TEN},
};

static void test_close(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof close_cases / sizeof close_cases[0]; i++) {
        print_message("  %s\n", close_cases[i].name);
        uint8_t out[2 + WS_CONTROL_MAX + 1];
        memset(out, 0xee, sizeof out);
        size_t length = ws_close_write(out, close_cases[i].code, close_cases[i].reason);
        const char *sent = close_cases[i].sent;
        size_t payload = sent ? 2 + strlen(sent) : 0;
        assert_int_equal(length, 2 + payload);
        assert_int_equal(out[0], 0x88);
        assert_int_equal(out[1], payload);
        assert_int_equal(out[length], 0xee);
        if (sent) {
            assert_int_equal(out[2] << 8 | out[3], close_cases[i].code);
            assert_memory_equal(out + 4, sent, strlen(sent));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
