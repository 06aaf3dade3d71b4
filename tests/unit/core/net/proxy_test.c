// SPDX-License-Identifier: MIT
// haproxy's doc/proxy-protocol.txt, sections 2.1 and 2.2. Each header comes in one piece, byte by byte, and
// with the client's first bytes right behind it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/address.h"
#include "net/proxy.h"

enum { LONGEST = 8192 };

static const char next[] = "GET / HTTP/1.1\r\n";

static enum proxy_result feed_bytewise(struct proxy_header *header, const char *data, size_t length,
                                       size_t *used) {
    enum proxy_result result = PROXY_MORE;
    for (*used = 0; *used < length && result == PROXY_MORE; ++*used) {
        size_t one;
        result = proxy_feed(header, data + *used, 1, &one);
        assert_int_equal(one, 1);
    }
    return result;
}

static void assert_source(const struct proxy_header *header, const char *expected) {
    char text[ADDRESS_TEXT_SIZE] = "";
    if (!IN6_IS_ADDR_UNSPECIFIED(&header->source)) {
        address_ip_format(&header->source, text, sizeof text);
    }
    assert_string_equal(text, expected);
}

// `source` "": none is named.
static void expect_done(const char *data, size_t length, const char *source) {
    char bytes[LONGEST + sizeof next];
    struct proxy_header header = {0}, slow = {0};
    size_t used;
    memcpy(bytes, data, length);
    memcpy(bytes + length, next, sizeof next);
    if (proxy_feed(&header, bytes, length + sizeof next, &used) != PROXY_DONE || used != length) {
        fail_msg("%.*s: %s (%zu of %zu)", (int)length, data, header.why ? header.why : "not done", used,
                 length);
    }
    assert_source(&header, source);
    assert_int_equal(feed_bytewise(&slow, bytes, length + sizeof next, &used), PROXY_DONE);
    assert_int_equal(used, length);
    assert_source(&slow, source);
    for (size_t cut = 0; cut < length; cut++) {
        struct proxy_header short_one = {0};
        assert_int_equal(proxy_feed(&short_one, bytes, cut, &used), PROXY_MORE);
        assert_int_equal(used, cut);
    }
}

static void expect_wrong(const char *data, size_t length, const char *why) {
    struct proxy_header header = {0}, slow = {0};
    size_t used;
    if (proxy_feed(&header, data, length, &used) != PROXY_WRONG) {
        fail_msg("%.*s was accepted", (int)length, data);
    }
    if (!strstr(header.why, why)) {
        fail_msg("%.*s: found \"%s\", expected \"%s\"", (int)length, data, header.why, why);
    }
    assert_true(used <= length);
    assert_int_equal(feed_bytewise(&slow, data, length, &used), PROXY_WRONG);
    assert_string_equal(slow.why, header.why);
}

static void reads_version_1(void **state) {
    (void)state;
    static const struct {
        const char *line, *source;
    } cases[] = {
        {"PROXY TCP4 192.0.2.7 198.51.100.1 35646 80\r\n", "192.0.2.7"},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n", "1.2.3.4"},
        {"PROXY TCP6 2001:db8::1 2001:db8::2 35646 443\r\n", "2001:db8::1"},
        {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
         "65535\r\n",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "192.0.2.7"},
        {"PROXY UNKNOWN\r\n", ""},
        {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "65535 "
         "65535\r\n",
         ""}, // 107 bytes, the longest there is
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_done(cases[i].line, strlen(cases[i].line), cases[i].source);
    }
}

static void refuses_version_1(void **state) {
    (void)state;
    static const char *const cases[] = {
        "PROXY \r\n",
        "PROXY\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 35646\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 35646 80 1\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 35646 80 \r\n",
        "PROXY TCP4  192.0.2.7 198.51.100.1 35646 80\r\n",
        "PROXY  TCP4 192.0.2.7 198.51.100.1 35646 80\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 35646 80\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 35646 80\r\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 80\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 -1 80\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 080 80\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 123456 80\r\n",
        "PROXY TCP4 192.0.2.007 198.51.100.1 1 80\r\n",
        "PROXY TCP4 192.0.2 198.51.100.1 1 80\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 80\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 1 80\r\n",
        "PROXY TCP4 192.0.2.7 nonsense 1 80\r\n",
        "PROXY TCP5 192.0.2.7 198.51.100.1 1 80\r\n",
        "PROXY tcp4 192.0.2.7 198.51.100.1 1 80\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY UNKNOWN\n",
        "PROXY UDP4 192.0.2.7 198.51.100.1 1 80\r\n",
    };
    static const char nul[] = "PROXY TCP4 192.0.2.7\0 198.51.100.1 1 80\r\n";
    static const char *const others[] = {
        "GET / HTTP/1.1\r\n", "proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "P\r\n", "PROXI", " PROXY UNKNOWN\r\n",
        "\r\nPROXY"};
    char endless[PROXY_V1_MAX + 1];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_wrong(cases[i], strlen(cases[i]), i == 1 ? "begin" : "cannot be read");
    }
    expect_wrong(nul, sizeof nul - 1, "cannot be read");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect_wrong(others[i], strlen(others[i]), "does not begin");
    }
    memset(endless, 'x', sizeof endless);
    memcpy(endless, "PROXY UNKNOWN ", 14);
    expect_wrong(endless, sizeof endless, "longer than 107 bytes");
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

// A header with `length` bytes behind the fixed ones, of which `body` are the first. How long it is.
static size_t make_v2(char *out, uint8_t command, uint8_t family, const char *body, size_t body_length,
                      size_t length) {
    memset(out, 'T', LONGEST);
    memcpy(out, SIGNATURE, 12);
    out[12] = (char)command;
    out[13] = (char)family;
    out[14] = (char)(length >> 8);
    out[15] = (char)length;
    memcpy(out + 16, body, body_length);
    return 16 + length;
}

#define V4 "\xc0\x00\x02\x07\xc6\x33\x64\x01\x8b\x3e\x00\x50"
#define V6 \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x8b\x3e\x01\xbb"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07"

static void reads_version_2(void **state) {
    (void)state;
    static const struct {
        uint8_t command, family;
        const char *body;
        size_t body_length, length;
        const char *source;
    } cases[] = {
        {0x21, 0x11, V4, 12, 12, "192.0.2.7"},
        {0x21, 0x11, V4, 12, 13, "192.0.2.7"}, // TLVs are skipped, whatever is in them
        {0x21, 0x11, V4, 12, 600, "192.0.2.7"},
        {0x21, 0x11, V4, 12, PROXY_V2_MAX - 16, "192.0.2.7"},
        {0x21, 0x21, V6, 36, 36, "2001:db8::1"},
        {0x21, 0x21, V6, 36, 256, "2001:db8::1"},
        {0x21, 0x21, MAPPED, 16, 36, "192.0.2.7"},
        {0x21, 0x31, "/run/x", 7, 216, ""},
        {0x21, 0x12, V4, 12, 12, ""}, // datagrams are nobody's here
        {0x21, 0x00, "", 0, 0, ""},
        {0x21, 0x00, V4, 12, 12, ""},
        {0x21, 0x01, "", 0, 0, ""},
        {0x21, 0x10, V4, 12, 3, ""},
        {0x20, 0x00, "", 0, 0, ""},
        {0x20, 0x11, V4, 12, 12, ""}, // LOCAL: the addresses are to be ignored
        {0x20, 0x11, "", 0, 1, ""},
        {0x20, 0x21, V6, 36, 300, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[LONGEST];
        size_t length = make_v2(bytes, cases[i].command, cases[i].family, cases[i].body, cases[i].body_length,
                                cases[i].length);
        expect_done(bytes, length, cases[i].source);
    }
}

static void refuses_version_2(void **state) {
    (void)state;
    static const struct {
        uint8_t command, family;
        size_t length;
        const char *why;
    } cases[] = {
        {0x11, 0x11, 12, "another version"}, {0x31, 0x11, 12, "another version"},
        {0x01, 0x11, 12, "another version"}, {0x22, 0x11, 12, "not defined"},
        {0x2f, 0x11, 12, "not defined"},     {0x21, 0x41, 12, "not defined"},
        {0x21, 0xf1, 12, "not defined"},     {0x21, 0x13, 12, "not defined"},
        {0x20, 0x41, 12, "not defined"},     {0x21, 0x11, 11, "too short"},
        {0x21, 0x11, 0, "too short"},        {0x21, 0x21, 35, "too short"},
        {0x21, 0x31, 215, "too short"},      {0x21, 0x11, PROXY_V2_MAX - 15, "longer than 4096"},
        {0x21, 0x11, 65535, "longer"},       {0x20, 0x00, 65535, "longer"},
    };
    char bytes[LONGEST];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_v2(bytes, cases[i].command, cases[i].family, V4, 12, cases[i].length);
        expect_wrong(bytes, 16, cases[i].why);
    }
    for (size_t i = 1; i < 12; i++) { // each byte of the signature
        make_v2(bytes, 0x21, 0x11, V4, 12, 12);
        bytes[i] ^= 1;
        expect_wrong(bytes, 28, "does not begin");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_version_1),
        cmocka_unit_test(refuses_version_1),
        cmocka_unit_test(reads_version_2),
        cmocka_unit_test(refuses_version_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
