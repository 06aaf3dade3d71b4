// SPDX-License-Identifier: MIT
// What an auth plugin gets of a request, and which token is the one. Each request is real HTTP text, and its
// parser is gone before the copy is looked at.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "auth/identity.h"
#include "auth/query.h"
#include "config/config.h"
#include "net/http.h"
#include "scarce_memory.h"
#include "util/buf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HEAD " HTTP/1.1\r\nHost: h\r\n"

static const struct query_client client = {"c1", "wshub.json.v1", "192.0.2.7"};
static char parameter[] = "token", cookie[] = "sid", prefix[] = "wshub.token.", off[] = "";
static const struct config usual = {.credentials = {parameter, cookie, prefix}};
static const struct config nowhere = {.credentials = {off, off, off}};

static struct auth_query *ask(const char *text, const struct config *config, bool ambient) {
    size_t used, length = strlen(text);
    char *bytes = strdup(text);
    struct http_parser *parser = http_parser_new((struct http_limits){.head = 65536, .body = 0});
    assert_int_equal(http_feed(parser, bytes, length, &used), HTTP_COMPLETE);
    struct auth_query *query = query_connect(http_parser_request(parser), config, ambient, &client);
    http_parser_free(parser);
    memset(bytes, '#', length);
    free(bytes);
    return query;
}

static bool is(struct wshub_bytes bytes, const char *text) {
    return bytes.length == strlen(text) && (bytes.length == 0 || memcmp(bytes.data, text, bytes.length) == 0);
}

#define assert_bytes(bytes, text)                                                                      \
    do {                                                                                               \
        struct wshub_bytes bytes_ = (bytes);                                                           \
        if (!is(bytes_, text)) {                                                                       \
            fail_msg("found \"%.*s\", expected \"%s\"", (int)bytes_.length, (const char *)bytes_.data, \
                     text);                                                                            \
        }                                                                                              \
    } while (0)

static void copies_a_request(void **state) {
    (void)state;
    struct auth_query *query =
        ask("GET /ws?a=%20&b HTTP/1.1\r\nHost: h:80\r\nX-MiXed: Some Value \r\nX-Empty:\r\n"
            "Cookie: a=1; b=\"2\"\r\nSec-WebSocket-Protocol: x, wshub.json.v1,,y\r\n"
            "cookie: c=3=4;d;=e; f=\r\nSec-WebSocket-Protocol: z\r\n\r\n",
            &usual, true);
    const struct wshub_request *request = &query->request;
    static const char *const headers[][2] = {
        {"host", "h:80"},
        {"x-mixed", "Some Value"},
        {"x-empty", ""},
        {"cookie", "a=1; b=\"2\""},
        {"sec-websocket-protocol", "x, wshub.json.v1,,y"},
        {"cookie", "c=3=4;d;=e; f="},
        {"sec-websocket-protocol", "z"},
    };
    static const char *const cookies[][2] = {{"a", "1"}, {"b", "\"2\""}, {"c", "3=4"}, {"f", ""}};
    static const char *const subprotocols[] = {"x", "wshub.json.v1", "y", "z"};
    assert_int_equal(query->question, AUTH_CONNECT);
    assert_int_equal(request->struct_size, sizeof *request);
    assert_bytes(request->method, "GET");
    assert_bytes(request->path, "/ws");
    assert_bytes(request->query, "a=%20&b");
    assert_bytes(request->address, "192.0.2.7");
    assert_bytes(request->connection_id, "c1");
    assert_bytes(request->protocol, "wshub.json.v1");
    assert_bytes(request->token, "");
    assert_int_equal(request->token_source, WSHUB_TOKEN_NONE);
    assert_int_equal(request->header_count, COUNT(headers));
    for (size_t i = 0; i < COUNT(headers); i++) {
        assert_bytes(request->headers[i].name, headers[i][0]);
        assert_bytes(request->headers[i].value, headers[i][1]);
    }
    assert_int_equal(request->cookie_count, COUNT(cookies));
    for (size_t i = 0; i < COUNT(cookies); i++) {
        assert_bytes(request->cookies[i].name, cookies[i][0]);
        assert_bytes(request->cookies[i].value, cookies[i][1]);
    }
    assert_int_equal(request->subprotocol_count, COUNT(subprotocols));
    for (size_t i = 0; i < COUNT(subprotocols); i++) {
        assert_bytes(request->subprotocols[i], subprotocols[i]);
    }
    query_free(query);
}

static void put_many(struct buf *text, const char *header, const char *item, int count) {
    buf_printf(text, "%s: ", header);
    for (int i = 0; i < count; i++) {
        buf_puts(text, item);
    }
    buf_puts(text, "\r\n");
}

// A few bytes on the wire are 32 in an array: nobody is to make much of little by that.
static void has_an_end_of_cookies_and_subprotocols(void **state) {
    struct buf text = {0};
    (void)state;
    buf_puts(&text, "GET /ws" HEAD);
    put_many(&text, "Cookie", "a=;", QUERY_COOKIES_MAX - 1);
    put_many(&text, "Cookie", "sid=t;", 2000);
    put_many(&text, "Sec-WebSocket-Protocol", "a,", QUERY_SUBPROTOCOLS_MAX - 1);
    put_many(&text, "Sec-WebSocket-Protocol", "b,", 2000);
    buf_append(&text, "\r\n", 3);
    struct auth_query *query = ask(text.data, &usual, true);
    const struct wshub_request *request = &query->request;
    assert_int_equal(request->cookie_count, QUERY_COOKIES_MAX);
    assert_bytes(request->cookies[QUERY_COOKIES_MAX - 1].name, "sid");
    assert_bytes(request->token, "t");
    assert_int_equal(request->subprotocol_count, QUERY_SUBPROTOCOLS_MAX);
    assert_bytes(request->subprotocols[QUERY_SUBPROTOCOLS_MAX - 1], "b");
    assert_true(query->size < text.length + 16 * 1024);
    query_free(query);
    buf_free(&text);
}

static void copies_a_request_of_almost_nothing(void **state) {
    (void)state;
    static const struct query_client nobody = {"", "", ""};
    static const struct http_request nothing = {.method = "GET"};
    struct auth_query *query = query_connect(&nothing, &usual, true, &nobody);
    assert_int_equal(query->request.header_count, 0);
    assert_int_equal(query->request.cookie_count, 0);
    assert_int_equal(query->request.subprotocol_count, 0);
    assert_bytes(query->request.path, "");
    assert_bytes(query->request.token, "");
    query_free(query);
    query_free(NULL);
}

struct expectation {
    const char *request, *token;
    enum wshub_token_source source;
};

static void expect(const struct expectation *cases, size_t count, const struct config *config, bool ambient) {
    for (size_t i = 0; i < count; i++) {
        struct auth_query *query = ask(cases[i].request, config, ambient);
        if (!is(query->request.token, cases[i].token) || query->request.token_source != cases[i].source) {
            fail_msg("%sfound \"%.*s\" (%u), expected \"%s\"", cases[i].request,
                     (int)query->request.token.length, (const char *)query->request.token.data,
                     query->request.token_source, cases[i].token);
        }
        query_free(query);
    }
}

#define AUTHORIZATION(value) "GET /ws" HEAD "Authorization: " value "\r\n\r\n"
#define QUERY(query) "GET /ws?" query HEAD "\r\n"
#define COOKIE(value) "GET /ws" HEAD "Cookie: " value "\r\n\r\n"
#define OFFER(value) "GET /ws" HEAD "Sec-WebSocket-Protocol: " value "\r\n\r\n"

static void finds_the_token(void **state) {
    (void)state;
    static const struct expectation cases[] = {
        {"GET /ws" HEAD "\r\n", "", WSHUB_TOKEN_NONE},

        {AUTHORIZATION("Bearer a.b.c"), "a.b.c", WSHUB_TOKEN_HEADER},
        {AUTHORIZATION("bEARER   a"), "a", WSHUB_TOKEN_HEADER},
        {"GET /ws" HEAD "AUTHORIZATION: BEARER a\r\n\r\n", "a", WSHUB_TOKEN_HEADER},
        {AUTHORIZATION("Bearer"), "", WSHUB_TOKEN_NONE},
        {AUTHORIZATION("Bearer  "), "", WSHUB_TOKEN_NONE},
        {AUTHORIZATION("Bearera"), "", WSHUB_TOKEN_NONE},
        {AUTHORIZATION("Bearer a b"), "", WSHUB_TOKEN_NONE},
        {AUTHORIZATION("Basic dTpw"), "", WSHUB_TOKEN_NONE},
        {AUTHORIZATION(""), "", WSHUB_TOKEN_NONE},
        // Of two it cannot be known which one a proxy has looked at.
        {AUTHORIZATION("Bearer a\r\nAuthorization: Bearer a"), "", WSHUB_TOKEN_NONE},
        {AUTHORIZATION("Basic x\r\nAuthorization: Bearer a"), "", WSHUB_TOKEN_NONE},
        {AUTHORIZATION("Bearer a\r\nAuthorization:"), "", WSHUB_TOKEN_NONE},

        {QUERY("token=a.b"), "a.b", WSHUB_TOKEN_QUERY},
        {QUERY("x=1&token=a=b&token=c"), "a=b", WSHUB_TOKEN_QUERY},
        {QUERY("token=a+b%2Bc%2fd%3D"), "a+b+c/d=", WSHUB_TOKEN_QUERY},
        {QUERY("token=%e2%82%ac"), "\xe2\x82\xac", WSHUB_TOKEN_QUERY},
        {QUERY("token=%25%32%35"), "%25", WSHUB_TOKEN_QUERY},
        {QUERY("token="), "", WSHUB_TOKEN_NONE},
        {QUERY("token"), "", WSHUB_TOKEN_NONE},
        {QUERY("token=&token=b"), "", WSHUB_TOKEN_NONE}, // the first alone counts
        {QUERY("token=%&token=b"), "", WSHUB_TOKEN_NONE},
        {QUERY("token=a%2"), "", WSHUB_TOKEN_NONE},
        {QUERY("token=a%g0b"), "", WSHUB_TOKEN_NONE},
        {QUERY("token=a%0gb"), "", WSHUB_TOKEN_NONE},
        {QUERY("token=a%00b"), "", WSHUB_TOKEN_NONE},
        {QUERY("Token=a"), "", WSHUB_TOKEN_NONE},
        {QUERY("tokens=a&xtoken=b&%74oken=c"), "", WSHUB_TOKEN_NONE},
        {QUERY("=a&&&token=b&"), "b", WSHUB_TOKEN_QUERY},

        {OFFER("wshub.json.v1, wshub.token.a.b"), "a.b", WSHUB_TOKEN_SUBPROTOCOL},
        {OFFER("wshub.token.a, wshub.token.b"), "a", WSHUB_TOKEN_SUBPROTOCOL},
        {OFFER("x\r\nSec-WebSocket-Protocol: wshub.token.b"), "b", WSHUB_TOKEN_SUBPROTOCOL},
        {OFFER("wshub.token., wshub.token.b"), "", WSHUB_TOKEN_NONE},
        {OFFER("WSHUB.TOKEN.a, wshub.toke"), "", WSHUB_TOKEN_NONE},

        {COOKIE("a=b; sid=x.y"), "x.y", WSHUB_TOKEN_COOKIE},
        {COOKIE("sid=\"x y\""), "x y", WSHUB_TOKEN_COOKIE},
        {COOKIE("sid=\"x"), "\"x", WSHUB_TOKEN_COOKIE},
        {COOKIE("sid=%41"), "%41", WSHUB_TOKEN_COOKIE},
        {COOKIE("sid=a; sid=b"), "a", WSHUB_TOKEN_COOKIE},
        {COOKIE("x=1\r\nCookie: sid=b"), "b", WSHUB_TOKEN_COOKIE},
        {COOKIE("sid=; sid=b"), "", WSHUB_TOKEN_NONE},
        {COOKIE("sid=\"\""), "", WSHUB_TOKEN_NONE},
        {COOKIE("sid=\""), "\"", WSHUB_TOKEN_COOKIE},
        {COOKIE("SID=a; xsid=b; sid"), "", WSHUB_TOKEN_NONE},
    };
    expect(cases, COUNT(cases), &usual, true);
}

#define ALL(bearer, query, offer, cookie)                                        \
    "GET /ws?" query HEAD "Cookie: " cookie "\r\nSec-WebSocket-Protocol: " offer \
    "\r\nAuthorization: " bearer "\r\n\r\n"

static void looks_in_one_place_after_the_other(void **state) {
    (void)state;
    static const struct expectation cases[] = {
        {ALL("Bearer h", "token=q", "wshub.token.s", "sid=c"), "h", WSHUB_TOKEN_HEADER},
        {ALL("Bearer", "token=q", "wshub.token.s", "sid=c"), "q", WSHUB_TOKEN_QUERY},
        {ALL("Basic x", "token=%", "wshub.token.s", "sid=c"), "s", WSHUB_TOKEN_SUBPROTOCOL},
        {ALL("", "", "wshub.token.", "sid=c"), "c", WSHUB_TOKEN_COOKIE},
    };
    static const struct expectation only_header[] = {
        {ALL("Bearer h", "token=q", "wshub.token.s", "sid=c"), "h", WSHUB_TOKEN_HEADER},
        {ALL("", "token=q&=x", "wshub.token.s", "sid=c; =x"), "", WSHUB_TOKEN_NONE},
    };
    static const struct expectation short_prefix[] = {
        {OFFER("wshub.json.v1, wshub.a"), "a", WSHUB_TOKEN_SUBPROTOCOL},
        {OFFER("wshub.json.v1"), "", WSHUB_TOKEN_NONE},
    };
    static char wshub[] = "wshub.";
    const struct config greedy = {.credentials = {off, off, wshub}};
    expect(short_prefix, COUNT(short_prefix), &greedy, true);
    expect(cases, COUNT(cases), &usual, true);
    expect(only_header, COUNT(only_header), &nowhere, true);
}

// The page of a stranger makes a browser send its user's cookies: then no plugin may see them.
static void leaves_cookies_out_of_a_strangers_page(void **state) {
    (void)state;
    static const char text[] =
        "GET /ws" HEAD "A: 1\r\nCookie: sid=a\r\nB: 2\r\nCOOKIE: sid=b\r\nC: 3\r\n\r\n";
    struct auth_query *query = ask(text, &usual, false);
    assert_int_equal(query->request.header_count, 4);
    assert_int_equal(query->request.cookie_count, 0);
    for (size_t i = 0; i < query->request.header_count; i++) {
        assert_false(is(query->request.headers[i].name, "cookie"));
    }
    for (size_t i = 0; i < query->size; i++) {
        assert_true(i + 4 > query->size || memcmp(query->bytes + i, "sid=", 4) != 0);
    }
    assert_int_equal(query->request.token_source, WSHUB_TOKEN_NONE);
    query_free(query);
}

// A password that it keeps for the site, too (RFC 7617): no script can set that header of a WebSocket.
static void leaves_passwords_out_of_a_strangers_page(void **state) {
    static const struct {
        const char *value;
        bool ambient, kept;
    } cases[] = {
        {"Basic YTpi", true, true},    {"Basic YTpi", false, false}, {"Negotiate YTpi", false, false},
        {"Bearer", false, false},      {"", false, false},           {"Bearerx y", false, false},
        {"Bearer a.b.c", false, true}, {"bearer  a", false, true},   {"Digest Bearer a", false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[200];
        snprintf(text, sizeof text, "GET /ws" HEAD "AUTHORIZATION: %s\r\nB: 2\r\n\r\n", cases[i].value);
        struct auth_query *query = ask(text, &usual, cases[i].ambient);
        assert_int_equal(query->request.header_count, 2 + cases[i].kept);
        assert_true(is(query->request.headers[query->request.header_count - 1].name, "b"));
        query_free(query);
    }
}

static struct span span_of(const char *text) {
    return (struct span){text, strlen(text)};
}

static void takes_a_token_from_a_message(void **state) {
    (void)state;
    char text[] = "first";
    struct auth_query *query = ask(QUERY("token=x"), &usual, true);
    assert_true(query_set_token(query, span_of(text)));
    memset(text, '#', sizeof text - 1);
    assert_bytes(query->request.token, "first");
    assert_int_equal(query->request.token_source, WSHUB_TOKEN_MESSAGE);
    assert_true(query_set_token(query, span_of("second")));
    assert_bytes(query->request.token, "second");
    assert_true(query_set_token(query, span_of("")));
    assert_bytes(query->request.token, "");
    assert_int_equal(query->request.token_source, WSHUB_TOKEN_NONE);
    assert_bytes(query->request.path, "/ws");
    query_free(query);
}

static struct identity *make_identity(void) {
    const char *why;
    const struct wshub_identity theirs = {
        .struct_size = sizeof theirs, .user = {"42", 2}, .token_id = {"t1", 2}};
    struct identity *identity = identity_new(&theirs, &why);
    assert_non_null(identity);
    return identity;
}

static void asks_for_another_identity(void **state) {
    (void)state;
    struct identity *identity = make_identity();
    struct auth_query *query = query_refresh(identity, 3, span_of("new"), &client);
    identity_unref(identity); // the query has one of its own
    assert_int_equal(query->question, AUTH_REFRESH);
    assert_int_equal(query->plugin, 3);
    assert_bytes(query->request.token, "new");
    assert_int_equal(query->request.token_source, WSHUB_TOKEN_MESSAGE);
    assert_int_equal(query->request.struct_size, sizeof query->request);
    assert_bytes(query->request.address, "192.0.2.7");
    assert_bytes(query->request.method, "");
    assert_int_equal(query->request.header_count, 0);
    assert_int_equal(identity_user(query->identity).length, 2);
    query_free(query);
}

static void asks_whether_it_may(void **state) {
    (void)state;
    struct identity *identity = make_identity();
    char name[] = "room:1", data[] = "{\"a\":1}";
    struct auth_query *query =
        query_operation(identity, 1, WSHUB_VERB_PUBLISH, span_of(name), span_of(data), &client);
    identity_unref(identity);
    memset(name, '#', sizeof name - 1);
    memset(data, '#', sizeof data - 1);
    assert_int_equal(query->question, AUTH_OPERATION);
    assert_int_equal(query->plugin, 1);
    assert_int_equal(query->operation.struct_size, sizeof query->operation);
    assert_int_equal(query->operation.verb, WSHUB_VERB_PUBLISH);
    assert_bytes(query->operation.name, "room:1");
    assert_bytes(query->operation.user, "42");
    assert_bytes(query->operation.token_id, "t1");
    assert_bytes(query->operation.connection_id, "c1");
    assert_bytes(query->operation.data, "{\"a\":1}");
    query_free(query);
}

static void says_when_there_is_no_memory(void **state) {
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    static const struct http_request request = {.method = "GET", .path = {"/ws", 3}};
    struct identity *identity = make_identity();
    memory_allowed = 0;
    struct auth_query *connect = query_connect(&request, &usual, true, &client);
    struct auth_query *operation =
        query_operation(identity, 0, WSHUB_VERB_PUBLISH, span_of("a"), span_of(""), &client);
    struct auth_query *refresh = query_refresh(identity, 0, span_of("a"), &client);
    memory_allowed = 1;
    struct auth_query *half = query_refresh(identity, 0, span_of("a"), &client);
    memory_allowed = SIZE_MAX;
    assert_null(connect);
    assert_null(operation);
    assert_null(refresh);
    assert_null(half);

    struct auth_query *query = query_connect(&request, &usual, true, &client);
    assert_true(query_set_token(query, span_of("kept")));
    memory_allowed = 0;
    bool set = query_set_token(query, span_of("other"));
    memory_allowed = SIZE_MAX;
    assert_false(set);
    assert_bytes(query->request.token, "kept");
    query_free(query);
    identity_unref(identity);
}

#if SCARCE_MEMORY
// What is freed must not hold the secret any more.
static const char secret[] = "hush-hush";
static size_t frees_seen, secrets_seen;
static bool watching;

void __libc_free(void *pointer);
void free(void *pointer) {
    if (watching && pointer) {
        frees_seen++;
        secrets_seen += memmem(pointer, malloc_usable_size(pointer), secret, strlen(secret)) != NULL;
    }
    __libc_free(pointer);
}
#endif

static void leaves_no_secret_in_freed_memory(void **state) {
    (void)state;
#if SCARCE_MEMORY
    struct identity *identity = make_identity();
    struct auth_query *queries[] = {
        ask(AUTHORIZATION("Bearer hush-hush"), &usual, true),
        ask(QUERY("token=hush-%68ush&x=hush-hush"), &usual, true),
        ask(COOKIE("sid=hush-hush"), &usual, true),
        ask(OFFER("wshub.token.hush-hush"), &usual, true),
        query_refresh(identity, 0, span_of(secret), &client),
        query_operation(identity, 0, WSHUB_VERB_PUBLISH, span_of("a"), span_of("\"hush-hush\""), &client),
        ask(QUERY("token=x"), &usual, true),
        ask(QUERY("token=x"), &usual, true),
    };
    assert_true(query_set_token(queries[6], span_of(secret)));
    assert_true(query_set_token(queries[7], span_of(secret)));
    watching = true;
    query_set_token(queries[7], span_of("another"));
    for (size_t i = 0; i < COUNT(queries); i++) {
        query_free(queries[i]);
    }
    watching = false;
    assert_int_equal(frees_seen, COUNT(queries) + 4); // each, and the tokens
    assert_int_equal(secrets_seen, 0);
    identity_unref(identity);
#else
    skip();
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_a_request),
        cmocka_unit_test(has_an_end_of_cookies_and_subprotocols),
        cmocka_unit_test(copies_a_request_of_almost_nothing),
        cmocka_unit_test(finds_the_token),
        cmocka_unit_test(looks_in_one_place_after_the_other),
        cmocka_unit_test(leaves_cookies_out_of_a_strangers_page),
        cmocka_unit_test(leaves_passwords_out_of_a_strangers_page),
        cmocka_unit_test(takes_a_token_from_a_message),
        cmocka_unit_test(asks_for_another_identity),
        cmocka_unit_test(asks_whether_it_may),
        cmocka_unit_test(says_when_there_is_no_memory),
        cmocka_unit_test(leaves_no_secret_in_freed_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
