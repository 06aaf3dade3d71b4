// SPDX-License-Identifier: MIT
// Any opening handshake as what an auth plugin gets of it, with cookies and without; and who its client is by
// X-Forwarded-For. All that the copy points to must be the copy's own.
#include <stdint.h>
#include <string.h>

#include "auth/query.h"
#include "config/config.h"
#include "net/forwarded.h"
#include "net/http.h"
#include "net/networks.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct query_client client = {"0123456789abcdef", "wshub.json.v1", "192.0.2.7"};
static char parameter[] = "token", cookie[] = "sid", prefix[] = "wshub.token.";
static const struct config config = {.credentials = {parameter, cookie, prefix}};

static void check_own(const struct auth_query *query, struct wshub_bytes bytes) {
    const char *data = bytes.data;
    FUZZ_CHECK(bytes.length == 0 ||
               (data >= query->bytes && data + bytes.length <= query->bytes + query->size));
}

static bool is_cookie(struct wshub_bytes name) {
    return name.length == 6 && memcmp(name.data, "cookie", 6) == 0;
}

static void check_pairs(const struct auth_query *query, const struct wshub_pair *pairs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(pairs[i].name.length > 0);
        check_own(query, pairs[i].name);
        check_own(query, pairs[i].value);
    }
}

static void check_lower(const struct wshub_request *request) {
    for (size_t i = 0; i < request->header_count; i++) {
        const char *name = request->headers[i].name.data;
        for (size_t k = 0; k < request->headers[i].name.length; k++) {
            FUZZ_CHECK(name[k] < 'A' || name[k] > 'Z');
        }
    }
}

static void check_token(const struct auth_query *query, bool ambient) {
    const struct wshub_request *request = &query->request;
    check_own(query, request->token);
    FUZZ_CHECK((request->token.length > 0) == (request->token_source != WSHUB_TOKEN_NONE));
    FUZZ_CHECK(request->token_source != WSHUB_TOKEN_MESSAGE && !query->token);
    FUZZ_CHECK(ambient || request->token_source != WSHUB_TOKEN_COOKIE);
    FUZZ_CHECK(request->token.length == 0 || !memchr(request->token.data, '\0', request->token.length));
}

static void check_connect(const struct http_request *theirs, bool ambient) {
    struct auth_query *query = query_connect(theirs, &config, ambient, &client);
    const struct wshub_request *request = &query->request;
    size_t kept = 0;
    check_pairs(query, request->headers, request->header_count);
    check_pairs(query, request->cookies, request->cookie_count);
    check_lower(request);
    check_token(query, ambient);
    for (size_t i = 0; i < request->subprotocol_count; i++) {
        FUZZ_CHECK(request->subprotocols[i].length > 0);
        check_own(query, request->subprotocols[i]);
    }
    for (size_t i = 0; i < request->header_count; i++) {
        kept += !is_cookie(request->headers[i].name);
    }
    FUZZ_CHECK(ambient ? request->header_count == theirs->header_count
                       : kept == request->header_count && request->cookie_count == 0);
    FUZZ_CHECK(query_set_token(query, (struct span){(const char *)request->path.data, request->path.length}));
    query_free(query);
}

static void check_forwarded(const struct http_request *request) {
    char all[] = "0.0.0.0/0", none[] = "192.0.2.1", *texts[] = {all, none};
    struct networks trusting, distrusting;
    const struct in6_addr peer = {.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}};
    FUZZ_CHECK(networks_init(&trusting, texts, 1) && networks_init(&distrusting, texts + 1, 1));
    struct in6_addr client_ip = forwarded_client(request, &trusting, peer);
    FUZZ_CHECK(!IN6_IS_ADDR_UNSPECIFIED(&client_ip));
    client_ip = forwarded_client(request, &distrusting, peer);
    FUZZ_CHECK(IN6_ARE_ADDR_EQUAL(&client_ip, &peer));
    networks_free(&trusting);
    networks_free(&distrusting);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct http_parser *parser = http_parser_new((struct http_limits){.head = 4096, .body = 128});
    struct pieces pieces = pieces_whole(data, size);
    size_t used, length;
    char *text = pieces_take(&pieces, &length);
    if (length > 0 && http_feed(parser, text, length, &used) == HTTP_COMPLETE) {
        const struct http_request *request = http_parser_request(parser);
        check_connect(request, true);
        check_connect(request, false);
        check_forwarded(request);
    }
    free(text);
    http_parser_free(parser);
    return 0;
}
