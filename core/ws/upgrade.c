// SPDX-License-Identifier: MIT
#include "ws/upgrade.h"

#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "net/http.h"

enum { KEY_LENGTH = 24, SHA1_LENGTH = 20 };

// RFC 6455 section 1.3.
static const char key_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static bool refuse(struct upgrade_answer *answer, int status, const char *code, const char *message) {
    answer->status = status;
    answer->code = code;
    answer->message = message;
    return false;
}

static bool refuse_bad(struct upgrade_answer *answer, const char *message) {
    return refuse(answer, 400, "bad_request", message);
}

// ---- hosts and origins (RFC 6454)

struct place {
    struct http_text scheme; // of an origin
    struct http_text host;
    unsigned port; // 0: none is given, and the scheme, if any, has no default
};

static bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool same_nocase(struct http_text a, struct http_text b) {
    return a.length == b.length && strncasecmp(a.data, b.data, a.length) == 0;
}

// The length of the name, IPv4 or bracketed IPv6 address at the start; 0 when there is none.
static size_t host_length(struct http_text text) {
    bool bracket = text.length > 0 && text.data[0] == '[';
    const char *marks = bracket ? ":." : "-._~";
    size_t n = bracket;
    while (n < text.length && text.data[n] != '\0' &&
           (is_alnum(text.data[n]) || strchr(marks, text.data[n]))) {
        n++;
    }
    if (!bracket) {
        return n;
    }
    return n > 1 && n < text.length && text.data[n] == ']' ? n + 1 : 0;
}

// `text` is empty, or a colon and up to five digits.
static bool read_port(struct http_text text, unsigned *port) {
    if (text.length == 0) {
        return true;
    }
    if (text.data[0] != ':' || text.length > 6) {
        return false;
    }
    unsigned value = 0;
    for (size_t i = 1; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    if (text.length > 1) {
        *port = value;
    }
    return value <= 65535 && (value > 0 || text.length == 1);
}

static bool read_host(struct http_text text, struct place *place) {
    size_t length = host_length(text);
    place->host = (struct http_text){text.data, length};
    return length > 0 &&
           read_port((struct http_text){text.data + length, text.length - length}, &place->port);
}

static unsigned default_port(struct http_text scheme) {
    if (http_text_is_nocase(scheme, "http")) {
        return 80;
    }
    return http_text_is_nocase(scheme, "https") ? 443 : 0;
}

// scheme "://" host [ ":" port ], with the scheme's default port filled in. "null" and lists are not read.
static bool read_origin(struct http_text text, struct place *place) {
    const char *mark = memmem(text.data, text.length, "://", 3);
    if (!mark || mark == text.data) {
        return false;
    }
    place->scheme = (struct http_text){text.data, (size_t)(mark - text.data)};
    place->port = default_port(place->scheme);
    return read_host((struct http_text){mark + 3, text.length - place->scheme.length - 3}, place);
}

// Behind a TLS proxy we do not know our own scheme: a Host without a port stands for either default port.
// What a browser resolves to its own machine whoever answers its DNS questions.
static bool is_local_name(struct http_text name) {
    static const char *const names[] = {"localhost", "::1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (http_text_is_nocase(name, names[i])) {
            return true;
        }
    }
    return name.length > 4 && memcmp(name.data, "127.", 4) == 0 &&
           strspn(name.data, "0123456789.") >= name.length;
}

static bool same_host(const struct place *origin, const struct place *host) {
    bool same_port = host->port ? origin->port == host->port : origin->port == 80 || origin->port == 443;
    return default_port(origin->scheme) != 0 && same_port && same_nocase(origin->host, host->host);
}

static bool same_origin(const struct place *origin, const char *listed) {
    struct place other = {.port = 0};
    return read_origin((struct http_text){listed, strlen(listed)}, &other) && origin->port == other.port &&
           same_nocase(origin->scheme, other.scheme) && same_nocase(origin->host, other.host);
}

// `origin` is NULL for one that cannot be read, which only "*" lets in.
static bool origin_matches(const char *allowed, const struct place *origin, const struct place *host) {
    if (strcmp(allowed, "*") == 0) {
        return true;
    }
    if (!origin) {
        return false;
    }
    return strcmp(allowed, "same-host") == 0 ? same_host(origin, host) : same_origin(origin, allowed);
}

// ---- subprotocols

static bool is_token_byte(char c) {
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

// Takes the next element off a comma-separated list, without white space around it.
static struct http_text next_element(struct http_text *list) {
    const char *comma = memchr(list->data, ',', list->length);
    struct http_text element = {list->data, comma ? (size_t)(comma - list->data) : list->length};
    size_t step = element.length + (comma != NULL);
    list->data += step;
    list->length -= step;
    return http_text_trim(element);
}

// 1#token (RFC 9110 section 5.6.1: empty elements are skipped, but not all may be empty).
static bool is_token_list(struct http_text list) {
    bool found = false;
    while (list.length > 0) {
        struct http_text element = next_element(&list);
        for (size_t i = 0; i < element.length; i++) {
            if (!is_token_byte(element.data[i])) {
                return false;
            }
        }
        found = found || element.length > 0;
    }
    return found;
}

static const char protocol_header[] = "sec-websocket-protocol";

// Unlike http_header_has_token, this minds case.
static bool is_offered(const struct http_request *request, const char *subprotocol) {
    for (size_t i = 0; i < request->header_count; i++) {
        struct http_text list = request->headers[i].value;
        while (http_text_is_nocase(request->headers[i].name, protocol_header) && list.length > 0) {
            if (http_text_is(next_element(&list), subprotocol)) {
                return true;
            }
        }
    }
    return false;
}

static bool has_prefix(struct http_text text, const char *prefix) {
    size_t length = strlen(prefix);
    return text.length >= length && memcmp(text.data, prefix, length) == 0;
}

static bool offers_only_tokens(const struct http_request *request, const char *prefix) {
    if (!prefix || prefix[0] == '\0') {
        return false;
    }
    for (size_t i = 0; i < request->header_count; i++) {
        struct http_text list = request->headers[i].value;
        while (http_text_is_nocase(request->headers[i].name, protocol_header) && list.length > 0) {
            struct http_text element = next_element(&list);
            if (element.length > 0 && !has_prefix(element, prefix)) {
                return false;
            }
        }
    }
    return true;
}

// ---- the checks, RFC 6455 section 4.2.1 unless said otherwise

static bool check_method(const struct http_request *request, const struct upgrade_settings *settings,
                         struct upgrade_answer *answer) {
    (void)settings;
    return strcmp(request->method, "GET") == 0 ||
           refuse(answer, 405, "method_not_allowed", "A WebSocket handshake is a GET request.");
}

static bool check_http(const struct http_request *request, const struct upgrade_settings *settings,
                       struct upgrade_answer *answer) {
    (void)settings;
    return request->major > 1 || (request->major == 1 && request->minor >= 1) ||
           refuse_bad(answer,
                      "A WebSocket handshake needs HTTP/1.1; a proxy in between may be speaking HTTP/1.0.");
}

static bool check_upgrade(const struct http_request *request, const struct upgrade_settings *settings,
                          struct upgrade_answer *answer) {
    (void)settings;
    return http_header_has_token(request, "upgrade", "websocket") ||
           refuse(answer, 426, "upgrade_required", "This path speaks WebSocket: send Upgrade: websocket.");
}

static bool check_host(const struct http_request *request, const struct upgrade_settings *settings,
                       struct upgrade_answer *answer) {
    (void)settings;
    size_t count;
    struct place place = {.port = 0};
    const struct http_text *host = http_header(request, "host", &count);
    return (count == 1 && read_host(*host, &place)) ||
           refuse_bad(answer, "The request must have exactly one valid Host header.");
}

static bool check_connection(const struct http_request *request, const struct upgrade_settings *settings,
                             struct upgrade_answer *answer) {
    (void)settings;
    return http_header_has_token(request, "connection", "upgrade") ||
           refuse_bad(answer,
                      "The Connection header must name Upgrade; a proxy in between may have removed it.");
}

static bool check_version(const struct http_request *request, const struct upgrade_settings *settings,
                          struct upgrade_answer *answer) {
    (void)settings;
    size_t count;
    const struct http_text *version = http_header(request, "sec-websocket-version", &count);
    return (count == 1 && http_text_is(*version, "13")) ||
           refuse(answer, 426, "unsupported_version", "This server speaks WebSocket version 13.");
}

// 16 bytes in base64 are 22 characters and two of padding.
static bool is_key(struct http_text key) {
    if (key.length != KEY_LENGTH || memcmp(key.data + KEY_LENGTH - 2, "==", 2) != 0) {
        return false;
    }
    for (size_t i = 0; i < KEY_LENGTH - 2; i++) {
        if (!is_alnum(key.data[i]) && key.data[i] != '+' && key.data[i] != '/') {
            return false;
        }
    }
    return true;
}

static bool check_key(const struct http_request *request, const struct upgrade_settings *settings,
                      struct upgrade_answer *answer) {
    (void)settings;
    size_t count;
    const struct http_text *key = http_header(request, "sec-websocket-key", &count);
    return (count == 1 && is_key(*key)) ||
           refuse_bad(answer, "The request must have one Sec-WebSocket-Key of 16 bytes in base64.");
}

// RFC 6455 section 10.2.
static bool check_origin(const struct http_request *request, const struct upgrade_settings *settings,
                         struct upgrade_answer *answer) {
    size_t count;
    const struct http_text *header = http_header(request, "origin", &count);
    if (count > 1) {
        return refuse_bad(answer, "The request has more than one Origin header.");
    }
    if (!header) {
        answer->ambient = true;
        return true;
    }
    struct place origin = {.port = 0}, host = {.port = 0};
    bool readable = read_origin(*header, &origin);
    bool rebound = false;
    bool allowed = false;
    read_host(*http_header(request, "host", NULL), &host);
    for (size_t i = 0; i < settings->origin_count; i++) {
        const char *listed = settings->origins[i];
        if (!origin_matches(listed, readable ? &origin : NULL, &host)) {
            continue;
        }
        if (settings->same_host_is_local && strcmp(listed, "same-host") == 0 && !is_local_name(host.host)) {
            rebound = true;
            continue;
        }
        allowed = true;
        answer->ambient |= strcmp(listed, "*") != 0;
    }
    if (allowed) {
        return true;
    }
    if (rebound) {
        return refuse(
            answer, 403, "origin_denied",
            "Without `auth` in its configuration this hub serves pages of its own machine only: open it as "
            "localhost, list the page's origin in `origins`, or say `auth: none`.");
    }
    return refuse(
        answer, 403, "origin_denied",
        "Pages of this origin are not allowed to connect: `origins` in the hub's configuration lists "
        "those that are.");
}

static bool check_subprotocol_syntax(const struct http_request *request,
                                     const struct upgrade_settings *settings, struct upgrade_answer *answer) {
    (void)settings;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (http_text_is_nocase(header->name, protocol_header) && !is_token_list(header->value)) {
            return refuse_bad(answer, "Sec-WebSocket-Protocol must be a comma-separated list of tokens.");
        }
    }
    return true;
}

static bool choose_subprotocol(const struct http_request *request, const struct upgrade_settings *settings,
                               struct upgrade_answer *answer) {
    if (!http_header(request, protocol_header, NULL)) {
        return true;
    }
    for (size_t i = 0; i < settings->subprotocol_count && !answer->subprotocol; i++) {
        if (is_offered(request, settings->subprotocols[i])) {
            answer->subprotocol = settings->subprotocols[i];
        }
    }
    return answer->subprotocol ||
           refuse(answer, 400, "unsupported_subprotocol",
                  offers_only_tokens(request, settings->token_prefix)
                      ? "A token in Sec-WebSocket-Protocol is no subprotocol: offer one beside it, such as "
                        "wshub.json.v1."
                      : "This server speaks none of the subprotocols in Sec-WebSocket-Protocol.");
}

// RFC 6455 section 4.2.2 step 5.4.
static bool compute_accept(const char *key, char accept[UPGRADE_ACCEPT_LENGTH + 1]) {
    char text[KEY_LENGTH + sizeof key_guid - 1];
    unsigned char hash[EVP_MAX_MD_SIZE];
    memcpy(text, key, KEY_LENGTH);
    memcpy(text + KEY_LENGTH, key_guid, sizeof key_guid - 1);
    if (EVP_Digest(text, sizeof text, hash, NULL, EVP_sha1(), NULL) != 1) {
        return false;
    }
    EVP_EncodeBlock((unsigned char *)accept, hash, SHA1_LENGTH);
    return true;
}

bool upgrade_self_test(void) {
    char accept[UPGRADE_ACCEPT_LENGTH + 1]; // the example of RFC 6455 section 1.3
    return compute_accept("dGhlIHNhbXBsZSBub25jZQ==", accept) &&
           strcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == 0;
}

// Last, because it is the only check that costs something.
static bool write_accept(const struct http_request *request, const struct upgrade_settings *settings,
                         struct upgrade_answer *answer) {
    (void)settings;
    return compute_accept(http_header(request, "sec-websocket-key", NULL)->data, answer->accept) ||
           refuse(answer, 500, "internal_error", "The server could not compute Sec-WebSocket-Accept.");
}

void upgrade_check(const struct http_request *request, const struct upgrade_settings *settings,
                   struct upgrade_answer *answer) {
    static bool (*const checks[])(const struct http_request *, const struct upgrade_settings *,
                                  struct upgrade_answer *) = {
        check_method,       check_http,       check_upgrade,
        check_host,         check_connection, check_version,
        check_key,          check_origin,     check_subprotocol_syntax,
        choose_subprotocol, write_accept,
    };
    *answer = (struct upgrade_answer){.status = 101};
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (!checks[i](request, settings, answer)) {
            answer->subprotocol = NULL;
            answer->ambient = false;
            return;
        }
    }
}
