// SPDX-License-Identifier: MIT
// RFC 6455 section 4.2. Requests are written as text and come through http_feed, as they do in the hub.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/http.h"
#include "ws/upgrade.h"

#define GET "GET /ws HTTP/1.1\r\n"
#define HOST "Host: server.example.com\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define ALL GET HOST UPGRADE CONNECTION KEY VERSION
#define RFC_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static const char *const subprotocols[] = {"one", "two", "Three"};

static struct upgrade_answer check_with(const char *text, const struct upgrade_settings *settings) {
    struct http_parser *parser = http_parser_new((struct http_limits){.head = 8192, .body = 0});
    assert_non_null(parser);
    size_t used;
    assert_int_equal(http_feed(parser, text, strlen(text), &used), HTTP_COMPLETE);
    struct upgrade_answer answer;
    memset(&answer, 0xee, sizeof answer);
    upgrade_check(http_parser_request(parser), settings, &answer);
    http_parser_free(parser);
    if (answer.status == 101) {
        assert_null(answer.code);
        assert_int_equal(strlen(answer.accept), UPGRADE_ACCEPT_LENGTH);
    } else {
        assert_non_null(answer.code);
        assert_true(answer.message[strlen(answer.message) - 1] == '.');
        assert_null(answer.subprotocol);
        assert_false(answer.ambient);
    }
    return answer;
}

static struct upgrade_answer check(const char *text) {
    const struct upgrade_settings settings = {.subprotocols = subprotocols, .subprotocol_count = 3};
    return check_with(text, &settings);
}

// ---- the handshake

static const struct {
    const char *name;
    const char *request;
    int status;
    const char *code;
} handshake_cases[] = {
    {"RFC 6455 1.3", ALL "\r\n", 101, NULL},
    {"names and tokens in any case",
     GET "HOST: a\r\nUPGRADE: WebSocket\r\nCONNECTION: keep-alive, UPGRADE\r\nSEC-WEBSOCKET-KEY: "
         "dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "sec-websocket-version: 13\r\n\r\n",
     101, NULL},
    {"4.2.1(1): POST", "POST /ws HTTP/1.1\r\n" HOST UPGRADE CONNECTION KEY VERSION "\r\n", 405,
     "method_not_allowed"},
    {"4.2.1(1): HEAD", "HEAD /ws HTTP/1.1\r\n" HOST UPGRADE CONNECTION KEY VERSION "\r\n", 405,
     "method_not_allowed"},
    {"4.2.1(1): HTTP/1.0", "GET /ws HTTP/1.0\r\n" HOST UPGRADE CONNECTION KEY VERSION "\r\n", 400,
     "bad_request"},
    {"4.2.1(2): empty Host", GET "Host:\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", 400, "bad_request"},
    {"4.2.1(2): Host with a path", GET "Host: a/b\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", 400,
     "bad_request"},
    {"4.2.1(2): Host with userinfo", GET "Host: a@b\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", 400,
     "bad_request"},
    {"4.2.1(2): Host with a bad port", GET "Host: a:b\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", 400,
     "bad_request"},
    {"4.2.1(2): port beyond 65535", GET "Host: a:65536\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", 400,
     "bad_request"},
    {"4.2.1(2): port 0", GET "Host: a:0\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", 400, "bad_request"},
    {"4.2.1(2): IPv6", GET "Host: [::1]:8000\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", 101, NULL},
    {"4.2.1(2): open bracket", GET "Host: [::1\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", 400,
     "bad_request"},
    {"4.2.1(2): empty bracket", GET "Host: []\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", 400, "bad_request"},
    {"4.2.1(2): empty port", GET "Host: a:\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", 101, NULL},
    {"4.2.1(3): no Upgrade", GET HOST CONNECTION KEY VERSION "\r\n", 426, "upgrade_required"},
    {"4.2.1(3): a plain GET", GET HOST "\r\n", 426, "upgrade_required"},
    {"4.2.1(3): another Upgrade", GET HOST "Upgrade: h2c\r\n" CONNECTION KEY VERSION "\r\n", 426,
     "upgrade_required"},
    {"4.2.1(3): a list", GET HOST "Upgrade: h2c, websocket\r\n" CONNECTION KEY VERSION "\r\n", 101, NULL},
    {"4.2.1(3): a part of a word", GET HOST "Upgrade: websockets\r\n" CONNECTION KEY VERSION "\r\n", 426,
     "upgrade_required"},
    {"4.2.1(4): no Connection", GET HOST UPGRADE KEY VERSION "\r\n", 400, "bad_request"},
    {"4.2.1(4): Connection: close", GET HOST UPGRADE "Connection: close\r\n" KEY VERSION "\r\n", 400,
     "bad_request"},
    {"4.2.1(4): two headers", GET HOST UPGRADE "Connection: close\r\n" CONNECTION KEY VERSION "\r\n", 101,
     NULL},
    {"4.2.1(5): no key", GET HOST UPGRADE CONNECTION VERSION "\r\n", 400, "bad_request"},
    {"4.2.1(5): two keys", ALL KEY "\r\n", 400, "bad_request"},
#define WITH_KEY(key) GET HOST UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: " key "\r\n\r\n"
    {"4.2.1(5): empty key", WITH_KEY(""), 400, "bad_request"},
    {"4.2.1(5): 15 bytes", WITH_KEY("AAAAAAAAAAAAAAAAAAAA"), 400, "bad_request"},
    {"4.2.1(5): 17 bytes", WITH_KEY("AAAAAAAAAAAAAAAAAAAAAAA="), 400, "bad_request"},
    {"4.2.1(5): 18 bytes", WITH_KEY("AAAAAAAAAAAAAAAAAAAAAAAA"), 400, "bad_request"},
    {"4.2.1(5): without padding", WITH_KEY("AAAAAAAAAAAAAAAAAAAAAA"), 400, "bad_request"},
    {"4.2.1(5): base64url", WITH_KEY("AAAAAAAAAAAAAAAAAAAA-_=="), 400, "bad_request"},
    {"4.2.1(5): base64", WITH_KEY("AAAAAAAAAAAAAAAAAAAA+/=="), 101, NULL},
    {"4.2.1(5): space within", WITH_KEY("AAAAAAAAAA AAAAAAAAAAA=="), 400, "bad_request"},
    {"4.2.1(5): padding within", WITH_KEY("AAAAAAAAAA=AAAAAAAAAAA=="), 400, "bad_request"},
    {"4.2.1(5): trailing bits not zero", WITH_KEY("AAAAAAAAAAAAAAAAAAAAAB=="), 101, NULL},
    {"4.2.1(6): no version", GET HOST UPGRADE CONNECTION KEY "\r\n", 426, "unsupported_version"},
    {"4.4: version 8", GET HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426,
     "unsupported_version"},
    {"4.2.1(6): version 13x", GET HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 13x\r\n\r\n", 426,
     "unsupported_version"},
    {"4.2.1(6): version 013", GET HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 013\r\n\r\n", 426,
     "unsupported_version"},
    {"11.3.5: two versions", ALL VERSION "\r\n", 426, "unsupported_version"},
    {"11.3.5: a list of versions", GET HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 13, 8\r\n\r\n",
     426, "unsupported_version"},
    {"9.1: extensions may be declined", ALL "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 101,
     NULL},
};

static void test_handshake(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof handshake_cases / sizeof handshake_cases[0]; i++) {
        print_message("  %s\n", handshake_cases[i].name);
        struct upgrade_answer answer = check(handshake_cases[i].request);
        assert_int_equal(answer.status, handshake_cases[i].status);
        if (answer.code) {
            assert_string_equal(answer.code, handshake_cases[i].code);
        }
        assert_null(answer.subprotocol);
    }
}

static void test_accept(void **state) {
    (void)state;
    assert_string_equal(check(ALL "\r\n").accept, RFC_ACCEPT);
    assert_string_equal(check(WITH_KEY("x3JJHMbDL1EzLkh9GBhXDw==")).accept, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

// http_feed refuses these before, but the rule is upgrade_check's own.
static void test_host_count(void **state) {
    (void)state;
    static const struct http_header headers[] = {
        {{"Upgrade", 7}, {"websocket", 9}},
        {{"Connection", 10}, {"Upgrade", 7}},
        {{"Sec-WebSocket-Key", 17}, {"dGhlIHNhbXBsZSBub25jZQ==", 24}},
        {{"Sec-WebSocket-Version", 21}, {"13", 2}},
        {{"Host", 4}, {"a", 1}},
        {{"Host", 4}, {"a", 1}},
    };
    static const struct {
        size_t headers;
        int minor, status;
    } cases[] = {{4, 1, 400}, {5, 1, 101}, {6, 1, 400}, {5, 0, 400}, {5, 2, 101}};
    const struct upgrade_settings settings = {.origin_count = 0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request request = {.method = "GET",
                                       .major = 1,
                                       .minor = cases[i].minor,
                                       .headers = headers,
                                       .header_count = cases[i].headers};
        struct upgrade_answer answer;
        upgrade_check(&request, &settings, &answer);
        assert_int_equal(answer.status, cases[i].status);
    }
}

// ---- subprotocols

#define OFFER(list) ALL "Sec-WebSocket-Protocol:" list "\r\n\r\n"

static const struct {
    const char *name;
    const char *request;
    const char *chosen; // NULL: refused with 400 and `code`
    const char *code;
} subprotocol_cases[] = {
    {"one", OFFER(" one"), "one", NULL},
    {"4.2.2(5): our order decides", OFFER("two,one"), "one", NULL},
    {"11.3.4: several headers", ALL "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: two\r\n\r\n", "two",
     NULL},
    {"unknown ones beside", OFFER(" x , two ,\ty"), "two", NULL},
    {"RFC 9110 5.6.1: empty elements", OFFER(" ,, two ,"), "two", NULL},
    {"case matters", OFFER(" three, ONE"), NULL, "unsupported_subprotocol"},
    {"case matters, and fits", OFFER(" Three"), "Three", NULL},
    {"none of ours", OFFER(" x"), NULL, "unsupported_subprotocol"},
    {"a part of a name", OFFER(" on, twos"), NULL, "unsupported_subprotocol"},
    {"empty", OFFER(""), NULL, "bad_request"},
    {"only commas", OFFER(" , ,"), NULL, "bad_request"},
    {"4.1(10): not a token", OFFER(" one, a b"), NULL, "bad_request"},
    {"not a token: slash", OFFER(" a/b, one"), NULL, "bad_request"},
    {"not a token: quotes", OFFER(" \"one\""), NULL, "bad_request"},
    {"not a token: UTF-8", OFFER(" one, \xc3\xa4"), NULL, "bad_request"},
    {"not a token in a second header", ALL "Sec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: (\r\n\r\n",
     NULL, "bad_request"},
};

static void test_subprotocols(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof subprotocol_cases / sizeof subprotocol_cases[0]; i++) {
        print_message("  %s\n", subprotocol_cases[i].name);
        struct upgrade_answer answer = check(subprotocol_cases[i].request);
        if (subprotocol_cases[i].chosen) {
            assert_int_equal(answer.status, 101);
            assert_string_equal(answer.subprotocol, subprotocol_cases[i].chosen);
        } else {
            assert_int_equal(answer.status, 400);
            assert_string_equal(answer.code, subprotocol_cases[i].code);
        }
    }
}

static void test_no_subprotocols_of_ours(void **state) {
    (void)state;
    const struct upgrade_settings settings = {.subprotocol_count = 0};
    assert_int_equal(check_with(ALL "\r\n", &settings).status, 101);
    assert_int_equal(check_with(OFFER(" one"), &settings).status, 400);
}

// A browser can put a token nowhere but there; what is echoed to it must not be that token.
static void test_tokens_among_subprotocols(void **state) {
    (void)state;
    static const struct {
        const char *request, *prefix, *chosen, *message;
    } cases[] = {
        {OFFER(" tok.a.b, two"), "tok.", "two", NULL},
        {OFFER(" two, tok.a.b"), "tok.", "two", NULL},
        {OFFER(" tok.a.b"), "tok.", NULL, "offer one beside"},
        {OFFER(" tok.a, ,tok."), "tok.", NULL, "offer one beside"},
        {ALL "Sec-WebSocket-Protocol: tok.a\r\nSec-WebSocket-Protocol: tok.b\r\n\r\n", "tok.", NULL,
         "offer one beside"},
        {OFFER(" tok.a, x"), "tok.", NULL, "speaks none"},
        {OFFER(" to"), "tok.", NULL, "speaks none"},
        {OFFER(" tok.a"), "", NULL, "speaks none"},
        {OFFER(" tok.a"), NULL, NULL, "speaks none"},
        {OFFER(" two"), "t", "two", NULL}, // a prefix that ours have too
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct upgrade_settings settings = {
            .subprotocols = subprotocols, .subprotocol_count = 3, .token_prefix = cases[i].prefix};
        struct upgrade_answer answer = check_with(cases[i].request, &settings);
        if (cases[i].chosen) {
            assert_int_equal(answer.status, 101);
            assert_string_equal(answer.subprotocol, cases[i].chosen);
        } else {
            assert_int_equal(answer.status, 400);
            assert_string_equal(answer.code, "unsupported_subprotocol");
            assert_non_null(strstr(answer.message, cases[i].message));
        }
    }
}

// ---- origins

static const struct {
    const char *name;
    const char *allowed[3];
    const char *host;
    const char *origin; // NULL: no such header
    int status;
} origin_cases[] = {
    {"no Origin: not a browser", {"same-host"}, "a", NULL, 101},
    {"no Origin, nothing allowed", {NULL}, "a", NULL, 101},
    {"nothing allowed", {NULL}, "a", "http://a", 403},
    {"star", {"*"}, "a", "https://b", 101},
    {"star: null", {"*"}, "a", "null", 101},
    {"star: nonsense", {"*"}, "a", "x y", 101},
    {"same host, http", {"same-host"}, "a.example", "http://a.example", 101},
    {"same host, https", {"same-host"}, "a.example", "https://a.example", 101},
    {"same host in any case", {"same-host"}, "A.example", "HTTPS://a.EXAMPLE", 101},
    {"same host and port", {"same-host"}, "a:8000", "http://a:8000", 101},
    {"same host, https's port said", {"same-host"}, "a:443", "https://a", 101},
    {"same host, http's port said", {"same-host"}, "a:80", "http://a", 101},
    {"same host, port said by the origin", {"same-host"}, "a", "https://a:443", 101},
    {"same host, empty port", {"same-host"}, "a:", "https://a", 101},
    {"same host, https's port for http", {"same-host"}, "a:443", "http://a", 403},
    {"same host, other port", {"same-host"}, "a", "http://a:8000", 403},
    {"same host, other port of ours", {"same-host"}, "a:8000", "http://a", 403},
    {"same host, IPv6", {"same-host"}, "[::1]:8000", "http://[::1]:8000", 101},
    {"same host, other IPv6", {"same-host"}, "[::1]:8000", "http://[::2]:8000", 403},
    {"other host", {"same-host"}, "a", "http://b", 403},
    {"host as a prefix", {"same-host"}, "a.example", "http://a.example.evil", 403},
    {"host as a suffix", {"same-host"}, "a.example", "http://evil.a.example", 403},
    {"same host: null", {"same-host"}, "a", "null", 403},
    {"same host: empty", {"same-host"}, "a", "", 403},
    {"same host: no scheme", {"same-host"}, "a", "a", 403},
    {"same host: empty scheme", {"same-host"}, "a", "://a", 403},
    {"same host: another scheme", {"same-host"}, "a", "ftp://a", 403},
    {"same host: another scheme's port", {"same-host"}, "a", "ftp://a:80", 403},
    {"same host: userinfo", {"same-host"}, "a", "http://x@a", 403},
    {"same host: path", {"same-host"}, "a", "http://a/", 403},
    {"RFC 6454 7.3: a list of origins", {"same-host"}, "a", "http://a http://b", 403},
    {"same host: bad port", {"same-host"}, "a", "http://a:x", 403},
    {"same host: port of six digits", {"same-host"}, "a", "http://a:000080", 403},
    {"listed", {"https://app.example"}, "a", "https://app.example", 101},
    {"listed second", {"https://x", "https://app.example"}, "a", "https://app.example", 101},
    {"listed beside same-host", {"same-host", "https://app.example"}, "a", "https://app.example", 101},
    {"RFC 6454 5: listed, case and port normalised",
     {"HTTPS://App.example:443"},
     "a",
     "https://app.EXAMPLE",
     101},
    {"RFC 6454 5: listed with another port",
     {"https://app.example:8443"},
     "a",
     "https://app.example:8443",
     101},
    {"RFC 6454 5: other port", {"https://app.example"}, "a", "https://app.example:8443", 403},
    {"RFC 6454 5: other scheme", {"https://app.example"}, "a", "http://app.example", 403},
    {"RFC 6454 5: other scheme, same port", {"https://app.example"}, "a", "http://app.example:443", 403},
    {"listed: extension", {"chrome-extension://abcdef"}, "a", "chrome-extension://abcdef", 101},
    {"listed: other extension", {"chrome-extension://abcdef"}, "a", "chrome-extension://abcdeg", 403},
    {"listed: null stays out", {"null"}, "a", "null", 403},
    {"listed, but not same-host", {"https://app.example"}, "a", "http://a", 403},
};

static void test_origins(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof origin_cases / sizeof origin_cases[0]; i++) {
        print_message("  %s\n", origin_cases[i].name);
        char request[512], origin[128] = "";
        struct upgrade_settings settings = {.origins = origin_cases[i].allowed};
        while (settings.origin_count < 3 && origin_cases[i].allowed[settings.origin_count]) {
            settings.origin_count++;
        }
        if (origin_cases[i].origin) {
            snprintf(origin, sizeof origin, "Origin: %s\r\n", origin_cases[i].origin);
        }
        snprintf(request, sizeof request, GET "Host: %s\r\n%s" UPGRADE CONNECTION KEY VERSION "\r\n",
                 origin_cases[i].host, origin);
        struct upgrade_answer answer = check_with(request, &settings);
        assert_int_equal(answer.status, origin_cases[i].status);
        assert_true(answer.status == 101 || strcmp(answer.code, "origin_denied") == 0);
    }
}

// Cookies count only where the page was allowed by name.
static void test_ambient(void **state) {
    (void)state;
    static const struct {
        const char *origins[3], *origin;
        bool is_local, ambient;
    } cases[] = {
        {{NULL}, NULL, false, true},
        {{"*"}, NULL, false, true},
        {{"same-host"}, "http://a", false, true},
        {{"https://app"}, "https://app", false, true},
        {{"*"}, "http://a", false, false},
        {{"*"}, "null", false, false},
        {{"*", "https://app"}, "https://app", false, true},
        {{"https://app", "*"}, "https://app", false, true},
        {{"same-host", "*"}, "http://a", false, true},
        {{"same-host", "*"}, "http://b", false, false},
        // `same-host` that does not count does not make it so either.
        {{"same-host", "*"}, "http://a", true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[512], origin[64] = "";
        struct upgrade_settings settings = {.origins = cases[i].origins,
                                            .same_host_is_local = cases[i].is_local};
        while (settings.origin_count < 3 && cases[i].origins[settings.origin_count]) {
            settings.origin_count++;
        }
        if (cases[i].origin) {
            snprintf(origin, sizeof origin, "Origin: %s\r\n", cases[i].origin);
        }
        snprintf(request, sizeof request, GET "Host: a\r\n%s" UPGRADE CONNECTION KEY VERSION "\r\n", origin);
        struct upgrade_answer answer = check_with(request, &settings);
        assert_int_equal(answer.status, 101);
        assert_int_equal(answer.ambient, cases[i].ambient);
    }
}

// A name that an attacker's DNS points at 127.0.0.1 makes a page "same host" with a hub that trusts its own
// machine.
static void test_same_host_of_this_machine_only(void **state) {
    static const struct {
        const char *host, *origin;
        int status;
    } cases[] = {
        {"localhost:8000", "http://localhost:8000", 101},
        {"127.0.0.1:8000", "http://127.0.0.1:8000", 101},
        {"127.9.8.7:8000", "http://127.9.8.7:8000", 101},
        {"[::1]:8000", "http://[::1]:8000", 101},
        {"evil.example:8000", "http://evil.example:8000", 403},
        {"127.evil.example:8000", "http://127.evil.example:8000", 403},
        {"listed.example", "https://listed.example", 101},
        {"other.example", "https://listed.example", 101},
    };
    static const char *const origins[] = {"same-host", "https://listed.example"};
    const struct upgrade_settings settings = {
        .origins = origins, .origin_count = 2, .same_host_is_local = true};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[512];
        snprintf(request, sizeof request,
                 GET "Host: %s\r\nOrigin: %s\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", cases[i].host,
                 cases[i].origin);
        print_message("  %s\n", cases[i].host);
        assert_int_equal(check_with(request, &settings).status, cases[i].status);
    }
}

static void test_two_origins(void **state) {
    (void)state;
    static const char *const all[] = {"*"};
    const struct upgrade_settings settings = {.origins = all, .origin_count = 1};
    assert_int_equal(check_with(ALL "Origin: http://a\r\nOrigin: http://a\r\n\r\n", &settings).status, 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),   cmocka_unit_test(test_accept),
        cmocka_unit_test(test_host_count),  cmocka_unit_test(test_subprotocols),
        cmocka_unit_test(test_origins),     cmocka_unit_test(test_no_subprotocols_of_ours),
        cmocka_unit_test(test_ambient),     cmocka_unit_test(test_tokens_among_subprotocols),
        cmocka_unit_test(test_two_origins), cmocka_unit_test(test_same_host_of_this_machine_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
