// SPDX-License-Identifier: MIT
// X-Forwarded-For, with 10.0.0.0/8, 2001:db8:1::/48 and UNIX sockets trusted.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/address.h"
#include "net/forwarded.h"
#include "net/http.h"
#include "net/networks.h"

static struct in6_addr ip_of(const char *text) {
    struct network network = {0};
    const char *why;
    assert_true(text[0] == '\0' || network_parse(&network, text, &why));
    return network.ip;
}

// `lines` are headers with CRLF; "" is a UNIX socket.
static void expect(const char *peer, const char *lines, const char *client) {
    char a[] = "10.0.0.0/8", b[] = "2001:db8:1::/48", c[] = "unix", *texts[] = {a, b, c};
    char request[1024], found[ADDRESS_TEXT_SIZE] = "";
    struct networks trusted;
    size_t used;
    struct http_parser *parser = http_parser_new((struct http_limits){.head = 8192, .body = 0});
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", lines);
    assert_true(networks_init(&trusted, texts, 3));
    assert_int_equal(http_feed(parser, request, strlen(request), &used), HTTP_COMPLETE);
    struct in6_addr ip = forwarded_client(http_parser_request(parser), &trusted, ip_of(peer));
    if (!IN6_IS_ADDR_UNSPECIFIED(&ip)) {
        address_ip_format(&ip, found, sizeof found);
    }
    if (strcmp(found, client) != 0) {
        fail_msg("%s: found \"%s\", expected \"%s\"", lines, found, client);
    }
    networks_free(&trusted);
    http_parser_free(parser);
}

#define XFF(list) "X-Forwarded-For: " list "\r\n"

static void is_walked_from_the_right(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "10.0.0.1"},
        {XFF(""), "10.0.0.1"},
        {XFF(" , ,"), "10.0.0.1"},
        {XFF("192.0.2.7"), "192.0.2.7"},
        {XFF("2001:db8::9"), "2001:db8::9"},
        {XFF("192.0.2.7, 10.0.0.2, 10.0.0.3"), "192.0.2.7"},
        {XFF("198.51.100.1, 192.0.2.7, 10.0.0.2"), "192.0.2.7"}, // the client wrote the first
        {XFF("10.9.9.9, 192.0.2.7"), "192.0.2.7"},               // whatever it claims to be
        {XFF("10.0.0.5, 10.0.0.6"), "10.0.0.5"},                 // a client among the trusted
        {XFF("192.0.2.7 ,\t2001:db8:1::1,,10.0.0.2 "), "192.0.2.7"},
        // What cannot be read ends the walk with the last that could.
        {XFF("192.0.2.7, unknown, 10.0.0.2"), "10.0.0.2"},
        {XFF("192.0.2.7, unknown"), "10.0.0.1"},
        {XFF("192.0.2.7, _hidden, 192.0.2.8"), "192.0.2.8"},
        {XFF("192.0.2.7, unix"), "10.0.0.1"},
        {XFF("192.0.2.7, ::"), "10.0.0.1"},
        {XFF("192.0.2.7, 10.0.0.0/8"), "10.0.0.1"},
        {XFF("192.0.2.7 10.0.0.2"), "10.0.0.1"},
        {XFF("\"192.0.2.7\""), "10.0.0.1"},
        {XFF("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa"), "10.0.0.1"},
        // With ports, as some proxies write them.
        {XFF("192.0.2.7:1234"), "192.0.2.7"},
        {XFF("[2001:db8::9]:1234, 10.0.0.2:1"), "2001:db8::9"},
        {XFF("[2001:db8::9]"), "2001:db8::9"},
        {XFF("[2001:db8::9"), "10.0.0.1"},
        {XFF("[2001:db8::9]x"), "10.0.0.1"},
        {XFF("[]:80"), "10.0.0.1"},
        {XFF(":80"), "10.0.0.1"},
        {XFF("::ffff:192.0.2.7"), "192.0.2.7"},
        // Several headers are one list.
        {XFF("192.0.2.7") "x-FORWARDED-for: 10.0.0.2\r\n", "192.0.2.7"},
        {XFF("198.51.100.1") XFF("192.0.2.7, 10.0.0.3") XFF("") XFF("10.0.0.2"), "192.0.2.7"},
        {XFF("192.0.2.7") XFF("unknown"), "10.0.0.1"},
        {XFF("192.0.2.7") XFF("192.0.2.8"), "192.0.2.8"},
        // Others are not looked at.
        {"Forwarded: for=192.0.2.7\r\nX-Real-IP: 192.0.2.8\r\n", "10.0.0.1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect("10.0.0.1", cases[i][0], cases[i][1]);
    }
    expect("", XFF("192.0.2.7"), "192.0.2.7");
    expect("", XFF("nonsense"), "");
}

static void of_a_stranger_counts_for_nothing(void **state) {
    (void)state;
    expect("192.0.2.1", XFF("10.0.0.1"), "192.0.2.1");
    expect("192.0.2.1", XFF("198.51.100.1, 10.0.0.1"), "192.0.2.1");
    expect("2001:db8:2::1", XFF("10.0.0.1"), "2001:db8:2::1");
    expect("127.0.0.1", XFF("192.0.2.7"), "127.0.0.1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_walked_from_the_right),
        cmocka_unit_test(of_a_stranger_counts_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
