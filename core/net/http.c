// SPDX-License-Identifier: MIT
// The head is collected line by line and each whole line goes to llhttp at once, however its bytes arrived:
// so every way of splitting a request ends in the same answer, and spans never cross a call. llhttp is strict
// in version 9 and as strict as it was compiled in 6 and 8, so the forms used for request smuggling are
// refused here as well.
#include "net/http.h"

#include <assert.h>
#include <llhttp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/buf.h"

enum {
    HEADERS_MAX = 100,
    // A chunked body may cost this many times its limit in bytes on the wire: "1\r\nx\r\n" is six for one.
    FRAMING_FACTOR = 8,
};

struct span { // a place in `head`, which moves while it grows
    uint32_t at, length;
};

enum stage { REQUEST_LINE, HEADERS, BODY, DONE };

struct http_parser {
    llhttp_t llhttp;
    struct http_limits limits;
    enum stage stage;
    int status; // what a rule of ours refuses with; 0: nothing so far
    struct buf head, body;
    size_t line;      // where in `head` the current line begins
    size_t body_room; // bytes on the wire that the body may still take
    struct span target;
    struct {
        struct span name, value;
    } spans[HEADERS_MAX];
    size_t header_count;
    struct http_header *headers;
    struct http_request request;
    const char *error; // a constant, or error_text
    char error_text[160];
};

static int refuse(struct http_parser *parser, int status, const char *why) {
    parser->status = status;
    parser->error = why;
    return status;
}

static int refuse_no_memory(struct http_parser *parser) {
    return refuse(parser, 500, "There is not enough memory for this request.");
}

// ---- characters

// tchar of RFC 9110 section 5.6.2. llhttp in its loose mode takes a space for one.
static bool is_token_byte(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c > ' ' && c < 0x7f && strchr("!#$%&'*+-.^_`|~", c));
}

// What may stand in a target at all; a fragment is not sent (RFC 9112 section 3.2).
static bool is_target_byte(unsigned char c) {
    return c > ' ' && c < 0x7f && c != '#';
}

static bool all_bytes(const char *data, size_t length, bool (*is)(unsigned char)) {
    for (size_t i = 0; i < length; i++) {
        if (!is((unsigned char)data[i])) {
            return false;
        }
    }
    return true;
}

// ---- llhttp's callbacks

// One span comes in one piece, because a line does. Should an llhttp see that differently, the pieces are
// neighbours.
static void extend(struct http_parser *parser, struct span *span, const char *at, size_t length) {
    if (length == 0) { // of an empty value, told when the next line is already there
        return;
    }
    if (span->length == 0) {
        span->at = (uint32_t)(at - parser->head.data);
    }
    span->length += (uint32_t)length;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t length) {
    struct http_parser *parser = llhttp->data;
    extend(parser, &parser->target, at, length);
    if (parser->target.length > parser->limits.head / 2) {
        refuse(parser, 414, "The request target is too long.");
        return HPE_USER;
    }
    if (!all_bytes(at, length, is_target_byte)) {
        refuse(parser, 400, "The request target holds a character that must be percent-encoded.");
        return HPE_USER;
    }
    return 0;
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t length) {
    struct http_parser *parser = llhttp->data;
    if (parser->stage == BODY) { // a trailer: nothing that we serve has a use for one
        return 0;
    }
    if (parser->header_count == HEADERS_MAX) {
        refuse(parser, 431, "The request has too many headers.");
        return HPE_USER;
    }
    if (!all_bytes(at, length, is_token_byte)) {
        refuse(parser, 400, "A header name holds a character that is not allowed there.");
        return HPE_USER;
    }
    extend(parser, &parser->spans[parser->header_count++].name, at, length);
    return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t length) {
    struct http_parser *parser = llhttp->data;
    if (parser->stage != BODY && parser->header_count > 0) {
        extend(parser, &parser->spans[parser->header_count - 1].value, at, length);
    }
    return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t length) {
    struct http_parser *parser = llhttp->data;
    buf_append(&parser->body, at, length);
    if (parser->body.failed) {
        refuse_no_memory(parser);
        return HPE_USER;
    }
    return 0;
}

static int on_chunk_header(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    if (llhttp->content_length > parser->limits.body - parser->body.length) {
        refuse(parser, 413, "The request body is too large.");
        return -1;
    }
    return 0;
}

// One request per connection: llhttp must not look at what follows.
static int on_message_complete(llhttp_t *llhttp) {
    (void)llhttp;
    return HPE_PAUSED;
}

// ---- the whole head

static struct http_text text_at(const struct http_parser *parser, struct span span) {
    return span.length ? (struct http_text){parser->head.data + span.at, span.length}
                       : (struct http_text){"", 0};
}

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

struct http_text http_text_trim(struct http_text text) {
    while (text.length > 0 && is_space(text.data[0])) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && is_space(text.data[text.length - 1])) {
        text.length--;
    }
    return text;
}

static bool resolve_headers(struct http_parser *parser) {
    parser->headers = calloc(parser->header_count + 1, sizeof *parser->headers);
    if (!parser->headers) {
        return false;
    }
    for (size_t i = 0; i < parser->header_count; i++) {
        parser->headers[i].name = text_at(parser, parser->spans[i].name);
        parser->headers[i].value = http_text_trim(text_at(parser, parser->spans[i].value));
    }
    parser->request.headers = parser->headers;
    parser->request.header_count = parser->header_count;
    return true;
}

static size_t count_headers(const struct http_request *request, const char *name) {
    size_t count;
    http_header(request, name, &count);
    return count;
}

// RFC 9112 section 3.2: one Host; HTTP/1.0 knew none.
static bool breaks_host(const struct http_parser *parser) {
    size_t hosts = count_headers(&parser->request, "host");
    return hosts > 1 || (hosts == 0 && parser->llhttp.http_minor >= 1);
}

// RFC 9112 section 6.1: the framing of both is a sign of smuggling, and HTTP/1.0 has no Transfer-Encoding.
static bool breaks_framing(const struct http_parser *parser) {
    return count_headers(&parser->request, "transfer-encoding") > 0 &&
           (parser->llhttp.http_minor == 0 || count_headers(&parser->request, "content-length") > 0);
}

static bool breaks_encoding(const struct http_parser *parser) {
    size_t count;
    const struct http_text *encoding = http_header(&parser->request, "transfer-encoding", &count);
    return encoding && (count > 1 || !http_text_is_nocase(*encoding, "chunked"));
}

static bool breaks_body_limit(const struct http_parser *parser) {
    return parser->llhttp.content_length > parser->limits.body;
}

static const struct {
    bool (*breaks)(const struct http_parser *parser);
    int status;
    const char *why;
} head_rules[] = {
    {breaks_host, 400, "The request must have exactly one Host header."},
    {breaks_framing, 400, "The request has a Transfer-Encoding where there must be none."},
    {breaks_encoding, 501, "The only Transfer-Encoding that this server knows is chunked."},
    {breaks_body_limit, 413, "The request body is too large."},
};

static int on_headers_complete(llhttp_t *llhttp) {
    struct http_parser *parser = llhttp->data;
    parser->stage = BODY;
    if (!resolve_headers(parser)) {
        refuse_no_memory(parser);
        return -1;
    }
    for (size_t i = 0; i < sizeof head_rules / sizeof head_rules[0]; i++) {
        if (head_rules[i].breaks(parser)) {
            refuse(parser, head_rules[i].status, head_rules[i].why);
            return -1;
        }
    }
    return 0;
}

// ---- the whole request

// The path of an absolute-form target ("http://host/path", RFC 9112 section 3.2.2) begins behind its
// authority.
static struct http_text without_authority(struct http_text target) {
    const char *scheme_end = memmem(target.data, target.length, "://", 3);
    if (target.data[0] == '/' || !scheme_end) {
        return target;
    }
    const char *end = target.data + target.length;
    const char *path = scheme_end + 3;
    while (path < end && *path != '/' && *path != '?') {
        path++;
    }
    return (struct http_text){path, (size_t)(end - path)};
}

static void split_target(struct http_request *request) {
    struct http_text rest = without_authority(request->target);
    const char *mark = memchr(rest.data, '?', rest.length);
    request->path = rest;
    request->query = (struct http_text){"", 0};
    if (mark) {
        request->path.length = (size_t)(mark - rest.data);
        request->query = (struct http_text){mark + 1, rest.length - request->path.length - 1};
    }
    if (request->path.length == 0) {
        request->path = (struct http_text){"/", 1};
    }
}

static int complete(struct http_parser *parser) {
    struct http_request *request = &parser->request;
    request->method = llhttp_method_name((llhttp_method_t)parser->llhttp.method);
    request->major = parser->llhttp.http_major;
    request->minor = parser->llhttp.http_minor;
    request->target = text_at(parser, parser->target);
    request->body = (struct http_text){parser->body.data ? parser->body.data : "", parser->body.length};
    request->upgrade = parser->llhttp.upgrade;
    split_target(request);
    return HTTP_COMPLETE;
}

static int refuse_invalid(struct http_parser *parser, llhttp_errno_t code) {
    const char *reason = llhttp_get_error_reason(&parser->llhttp);
    snprintf(parser->error_text, sizeof parser->error_text, "The request is not valid HTTP/1.1: %s.",
             reason && *reason ? reason : llhttp_errno_name(code));
    return refuse(parser, 400, parser->error_text);
}

static int execute(struct http_parser *parser, const char *data, size_t length) {
    llhttp_errno_t code = llhttp_execute(&parser->llhttp, data, length);
    if (parser->status) {
        return parser->status;
    }
    switch (code) {
    case HPE_OK:
        return HTTP_MORE;
    case HPE_PAUSED:
    case HPE_PAUSED_UPGRADE:
        return complete(parser);
    default:
        return refuse_invalid(parser, code);
    }
}

// ---- lines

enum { VERSION_LENGTH = sizeof "HTTP/1.1" - 1, LINE_END = 2 };

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// The version is read before llhttp looks: which versions it knows differs from one llhttp to the next.
static int check_version(struct http_parser *parser, const char *line, size_t length) {
    const char *version = line + length - LINE_END - VERSION_LENGTH;
    if (length < VERSION_LENGTH + LINE_END || memcmp(version, "HTTP/", 5) != 0 || !is_digit(version[5]) ||
        version[6] != '.' || !is_digit(version[7])) {
        return refuse(parser, 400, "The request line does not end with an HTTP version.");
    }
    if (version[5] != '1' || version[7] > '1') {
        return refuse(parser, 505, "This server speaks HTTP/1.1.");
    }
    return HTTP_MORE;
}

// RFC 9110 section 9.1: a method that we do not know is not a mistake of the client.
static bool has_strange_method(const struct http_parser *parser, const char *line, size_t length) {
    const char *space = memchr(line, ' ', length);
    return llhttp_get_errno(&parser->llhttp) == HPE_INVALID_METHOD && space && space > line &&
           all_bytes(line, (size_t)(space - line), is_token_byte);
}

static int take_request_line(struct http_parser *parser, const char *line, size_t length) {
    if (length == LINE_END) { // RFC 9112 section 2.2: empty lines before a request are skipped
        return HTTP_MORE;
    }
    if (check_version(parser, line, length) != HTTP_MORE) {
        return parser->status;
    }
    int answer = execute(parser, line, length);
    if (answer == 400 && has_strange_method(parser, line, length)) {
        return refuse(parser, 501, "This server does not know the request's method.");
    }
    if (answer != HTTP_MORE) {
        return answer;
    }
    if (parser->llhttp.method == HTTP_CONNECT) {
        return refuse(parser, 501, "This server is not a proxy.");
    }
    size_t method = strlen(llhttp_method_name((llhttp_method_t)parser->llhttp.method));
    if (length != method + 1 + parser->target.length + 1 + VERSION_LENGTH + LINE_END) {
        return refuse(parser, 400, "The parts of the request line must be separated by single spaces.");
    }
    parser->stage = HEADERS;
    return HTTP_MORE;
}

static int take_header_line(struct http_parser *parser, const char *line, size_t length) {
    if (is_space(line[0])) { // RFC 9112 section 5.2: obs-fold
        return refuse(parser, 400, "Header lines must not be folded.");
    }
    if (line[0] == ':') { // llhttp 8 lets it pass
        return refuse(parser, 400, "A header has no name.");
    }
    return execute(parser, line, length);
}

static int finish_line(struct http_parser *parser) {
    const char *line = parser->head.data + parser->line;
    size_t length = parser->head.length - parser->line;
    parser->line = parser->head.length;
    return parser->stage == REQUEST_LINE ? take_request_line(parser, line, length)
                                         : take_header_line(parser, line, length);
}

static const char *line_fault(char before, char c) {
    if (before == '\r' && c != '\n') {
        return "A carriage return must be followed by a line feed.";
    }
    if (before != '\r' && c == '\n') {
        return "A line feed must follow a carriage return.";
    }
    unsigned char byte = (unsigned char)c;
    if ((byte < ' ' && c != '\r' && c != '\n' && c != '\t') || byte == 0x7f) {
        return "The request holds a control character.";
    }
    return NULL;
}

// Looks at every byte as it comes, so that a client that speaks something else (TLS, say) is told at once.
static const char *find_line_fault(const struct http_parser *parser, const char *data, size_t length) {
    char before = parser->head.length ? parser->head.data[parser->head.length - 1] : '\0';
    const char *fault = NULL;
    for (size_t i = 0; i < length && !fault; i++) {
        fault = line_fault(before, data[i]);
        before = data[i];
    }
    return fault;
}

static int refuse_head_size(struct http_parser *parser) {
    return parser->stage == REQUEST_LINE ? refuse(parser, 414, "The request line is too long.")
                                         : refuse(parser, 431, "The request's headers are too large.");
}

static int take_head(struct http_parser *parser, const char *data, size_t length, size_t *used) {
    const char *end = memchr(data, '\n', length);
    size_t take = end ? (size_t)(end - data) + 1 : length;
    size_t room = parser->limits.head - parser->head.length;
    bool over = take > room;
    take = over ? room : take;
    const char *fault = find_line_fault(parser, data, take);
    if (fault) {
        return refuse(parser, 400, fault);
    }
    buf_append(&parser->head, data, take);
    if (parser->head.failed) {
        return refuse_no_memory(parser);
    }
    *used += take;
    if (over) {
        return refuse_head_size(parser);
    }
    return end ? finish_line(parser) : HTTP_MORE;
}

static int take_body(struct http_parser *parser, const char *data, size_t length, size_t *used) {
    size_t take = length < parser->body_room ? length : parser->body_room;
    if (take == 0) {
        return refuse(parser, 413, "The request body is cut into too many small chunks.");
    }
    int answer = execute(parser, data, take);
    size_t taken = answer == HTTP_COMPLETE ? (size_t)(llhttp_get_error_pos(&parser->llhttp) - data) : take;
    parser->body_room -= taken;
    *used += taken;
    return answer;
}

// ---- the parser

struct http_parser *http_parser_new(struct http_limits limits) {
    static const llhttp_settings_t settings = {
        .on_url = on_url,
        .on_header_field = on_header_field,
        .on_header_value = on_header_value,
        .on_headers_complete = on_headers_complete,
        .on_chunk_header = on_chunk_header,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
    };
    assert(limits.head <= UINT32_MAX);
    struct http_parser *parser = calloc(1, sizeof *parser);
    if (!parser) {
        return NULL;
    }
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
    parser->limits = limits;
    parser->error = "";
    bool huge = limits.body > (SIZE_MAX - limits.head) / FRAMING_FACTOR;
    parser->body_room = huge ? SIZE_MAX : limits.head + limits.body * FRAMING_FACTOR;
    return parser;
}

void http_parser_free(struct http_parser *parser) {
    if (!parser) {
        return;
    }
    buf_free(&parser->head);
    buf_free(&parser->body);
    free(parser->headers);
    free(parser);
}

int http_feed(struct http_parser *parser, const char *data, size_t length, size_t *used) {
    assert(parser->stage != DONE);
    int answer = HTTP_MORE;
    *used = 0;
    while (*used < length && answer == HTTP_MORE) {
        answer = (parser->stage == BODY ? take_body : take_head)(parser, data + *used, length - *used, used);
    }
    if (answer != HTTP_MORE) {
        parser->stage = DONE;
    }
    return answer;
}

const char *http_error(const struct http_parser *parser) {
    return parser->error;
}

const struct http_request *http_parser_request(const struct http_parser *parser) {
    return &parser->request;
}

// ---- reading a request

bool http_text_is(struct http_text text, const char *other) {
    return text.length == strlen(other) && memcmp(text.data, other, text.length) == 0;
}

bool http_text_is_nocase(struct http_text text, const char *other) {
    return text.length == strlen(other) && strncasecmp(text.data, other, text.length) == 0;
}

const struct http_text *http_header(const struct http_request *request, const char *name, size_t *count) {
    const struct http_text *first = NULL;
    size_t found = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (http_text_is_nocase(request->headers[i].name, name)) {
            first = found++ == 0 ? &request->headers[i].value : first;
        }
    }
    if (count) {
        *count = found;
    }
    return first;
}

static bool list_has_token(struct http_text list, const char *token) {
    while (list.length > 0) {
        const char *comma = memchr(list.data, ',', list.length);
        size_t length = comma ? (size_t)(comma - list.data) : list.length;
        if (http_text_is_nocase(http_text_trim((struct http_text){list.data, length}), token)) {
            return true;
        }
        length += comma != NULL;
        list.data += length;
        list.length -= length;
    }
    return false;
}

bool http_header_has_token(const struct http_request *request, const char *name, const char *token) {
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (http_text_is_nocase(header->name, name) && list_has_token(header->value, token)) {
            return true;
        }
    }
    return false;
}

const char *http_reason(int status) {
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Unknown";
}
