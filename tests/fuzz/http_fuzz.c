// SPDX-License-Identifier: MIT
// One request whole and the same request in pieces: the answer must be the same, and so must the opening
// handshake's.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "pieces.h"
#include "ws/upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {.head = 1024, .body = 128};
static const char *const origins[] = {"same-host", "https://app.example.com"};
static const char *const subprotocols[] = {"wshub.v1", "wshub.v2"};
static const struct upgrade_settings settings = {.origins = origins,
                                                 .origin_count = 2,
                                                 .subprotocols = subprotocols,
                                                 .subprotocol_count = 2,
                                                 .token_prefix = "wshub.token."};

static int feed(struct http_parser *parser, struct pieces pieces, size_t *used) {
    int answer = HTTP_MORE;
    *used = 0;
    while (pieces.left > 0 && answer == HTTP_MORE) {
        size_t taken, length;
        char *piece = pieces_take(&pieces, &length);
        answer = http_feed(parser, piece, length, &taken);
        FUZZ_CHECK(taken <= length && (answer != HTTP_MORE || taken == length));
        *used += taken;
        free(piece);
    }
    return answer;
}

static bool same_text(struct http_text a, struct http_text b) {
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static void check_same_request(const struct http_request *a, const struct http_request *b) {
    FUZZ_CHECK(strcmp(a->method, b->method) == 0 && a->major == b->major && a->minor == b->minor);
    FUZZ_CHECK(same_text(a->target, b->target) && same_text(a->path, b->path) &&
               same_text(a->query, b->query));
    FUZZ_CHECK(same_text(a->body, b->body) && a->upgrade == b->upgrade && a->header_count == b->header_count);
    for (size_t i = 0; i < a->header_count; i++) {
        FUZZ_CHECK(same_text(a->headers[i].name, b->headers[i].name));
        FUZZ_CHECK(same_text(a->headers[i].value, b->headers[i].value));
    }
}

static void check_sound_request(const struct http_request *request) {
    FUZZ_CHECK(request->major == 1 && request->minor <= 1 && request->target.length > 0 &&
               request->path.length > 0);
    FUZZ_CHECK(request->target.length <= limits.head / 2 && request->body.length <= limits.body);
    for (size_t i = 0; i < request->header_count; i++) {
        struct http_text name = request->headers[i].name, value = request->headers[i].value;
        FUZZ_CHECK(name.length > 0 && !memchr(name.data, ' ', name.length) &&
                   !memchr(value.data, '\n', value.length));
    }
}

static void check_upgrade(const struct http_request *a, const struct http_request *b) {
    struct upgrade_answer first, second;
    upgrade_check(a, &settings, &first);
    upgrade_check(b, &settings, &second);
    FUZZ_CHECK(first.status == second.status && first.code == second.code && first.message == second.message);
    FUZZ_CHECK(first.subprotocol == second.subprotocol && strcmp(first.accept, second.accept) == 0);
    FUZZ_CHECK(first.ambient == second.ambient && (first.status == 101 || !first.ambient));
    FUZZ_CHECK((first.status == 101) == (first.code == NULL));
    FUZZ_CHECK((first.status == 101) == (strlen(first.accept) == UPGRADE_ACCEPT_LENGTH));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct http_parser *whole = http_parser_new(limits), *split = http_parser_new(limits);
    size_t used_whole, used_split;
    int answer = feed(whole, pieces_whole(data, size), &used_whole);
    FUZZ_CHECK(feed(split, pieces_random(data, size), &used_split) == answer);
    FUZZ_CHECK(strcmp(http_error(whole), http_error(split)) == 0);
    if (answer == HTTP_COMPLETE) {
        const struct http_request *a = http_parser_request(whole), *b = http_parser_request(split);
        FUZZ_CHECK(used_whole == used_split);
        check_sound_request(a);
        check_same_request(a, b);
        check_upgrade(a, b);
    } else if (answer != HTTP_MORE) {
        FUZZ_CHECK(strcmp(http_reason(answer), "Unknown") != 0 && *http_error(whole));
    }
    http_parser_free(whole);
    http_parser_free(split);
    return 0;
}
