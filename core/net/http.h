// SPDX-License-Identifier: MIT
// HTTP/1.1 requests, by llhttp (this header's .c is the only one that includes it). One request per
// connection: every answer closes, but for 101. Belongs to the worker that owns the connection. RFC 9110, RFC
// 9112.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct http_limits {
    size_t head; // bytes of request line and headers together: beyond it 431 (414 for a target of more than
                 // half)
    size_t body; // bytes of body: beyond it 413
};

struct http_text { // borrowed from the request, not terminated
    const char *data;
    size_t length;
};

struct http_header {
    struct http_text name, value; // value without surrounding white space
};

struct http_request {
    const char *method; // "GET", ...; a constant
    int major, minor;
    struct http_text target; // as sent
    struct http_text path;  // target up to '?', not decoded; of "http://host/path" the part from the slash on
    struct http_text query; // behind '?', may be empty
    const struct http_header *headers;
    size_t header_count;
    struct http_text body; // trailers of a chunked one are dropped
    bool upgrade; // the parser saw Connection: upgrade with an Upgrade header; what follows the head is not
                  // HTTP
};

// The first header of that name (case-insensitive), or NULL. `count`, when given, receives how many there
// are.
const struct http_text *http_header(const struct http_request *request, const char *name, size_t *count);
// True when the comma-separated list in all headers of that name holds `token` (both case-insensitive).
bool http_header_has_token(const struct http_request *request, const char *name, const char *token);
bool http_text_is(struct http_text text, const char *other);        // byte for byte
bool http_text_is_nocase(struct http_text text, const char *other); // ASCII case-insensitive
struct http_text http_text_trim(struct http_text text);             // without blanks and tabs around it

enum { HTTP_MORE = 0, HTTP_COMPLETE = 1 }; // http_feed's other answers are HTTP status codes from 400

struct http_parser;

// NULL: no memory.
struct http_parser *http_parser_new(struct http_limits limits);
void http_parser_free(struct http_parser *parser);

// Takes the next bytes. HTTP_MORE: all were taken, more are needed. HTTP_COMPLETE: a request stands ready and
// *used says how many of these bytes belonged to it (the rest are the client's first WebSocket bytes).
// Otherwise the status to refuse it with: 400, 413, 414, 431, 501, 505, or 500 for no memory. Not to be
// called again after that.
int http_feed(struct http_parser *parser, const char *data, size_t length, size_t *used);

// Why http_feed refused, as one sentence. Valid until the parser is freed.
const char *http_error(const struct http_parser *parser);

// Valid after HTTP_COMPLETE, until the parser is freed.
const struct http_request *http_parser_request(const struct http_parser *parser);

// "Not Found" for 404, and so on for every status that the hub sends.
const char *http_reason(int status);
