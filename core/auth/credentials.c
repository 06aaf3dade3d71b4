// SPDX-License-Identifier: MIT
#include "auth/credentials.h"

#include <string.h>
#include <strings.h>

#include "config/config.h"

// Takes what stands before the next `separator`, or all of it, off the text.
static struct http_text next_part(struct http_text *text, char separator) {
    const char *end = memchr(text->data, separator, text->length);
    struct http_text part = {text->data, end ? (size_t)(end - text->data) : text->length};
    size_t step = part.length + (end != NULL);
    text->data += step;
    text->length -= step;
    return part;
}

static struct wshub_bytes bytes_of(struct http_text text) {
    return (struct wshub_bytes){text.data, text.length};
}

static struct http_text text_of(struct wshub_bytes bytes) {
    return (struct http_text){bytes.data, bytes.length};
}

size_t credentials_split_cookies(struct http_text header, size_t most, struct wshub_pair *out) {
    size_t count = 0;
    while (header.length > 0 && count < most) {
        struct http_text value = next_part(&header, ';');
        bool is_pair = memchr(value.data, '=', value.length) != NULL;
        struct http_text name = http_text_trim(next_part(&value, '='));
        if (!is_pair || name.length == 0) {
            continue;
        }
        if (out) {
            out[count] = (struct wshub_pair){bytes_of(name), bytes_of(http_text_trim(value))};
        }
        count++;
    }
    return count;
}

size_t credentials_split_list(struct http_text header, size_t most, struct wshub_bytes *out) {
    size_t count = 0;
    while (header.length > 0 && count < most) {
        struct http_text element = http_text_trim(next_part(&header, ','));
        if (element.length > 0 && out) {
            out[count] = bytes_of(element);
        }
        count += element.length > 0;
    }
    return count;
}

// ---- the places, each of which gives a token or an empty text ----

static const struct http_text none = {"", 0};

// RFC 6750 section 2.1. The scheme is case-insensitive (RFC 9110 section 11.1).
struct http_text credentials_bearer(struct http_text authorization) {
    struct http_text value = http_text_trim(authorization);
    bool is_bearer = http_text_is_nocase(next_part(&value, ' '), "bearer");
    value = http_text_trim(value);
    return is_bearer && !memchr(value.data, ' ', value.length) ? value : none;
}

static struct http_text find_in_header(const struct wshub_request *request) {
    const struct wshub_pair *found = NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        if (http_text_is(text_of(request->headers[i].name), "authorization")) {
            if (found) {
                return none; // which of them a proxy has looked at cannot be known
            }
            found = &request->headers[i];
        }
    }
    return found ? credentials_bearer(text_of(found->value)) : none;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// RFC 3986 section 2.1; `+` is no space, as it would be in a form: base64 has it. Empty: malformed, or it
// hides a NUL, at which one reader would stop and another not.
static struct http_text percent_decode(struct http_text text, char *out) {
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.length ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.length ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return none;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0') {
            return none;
        }
        out[length++] = c;
    }
    return (struct http_text){out, length};
}

static struct http_text find_in_query(const struct wshub_request *request, const char *name, char *decoded) {
    struct http_text query = text_of(request->query);
    while (query.length > 0) {
        struct http_text value = next_part(&query, '&');
        if (http_text_is(next_part(&value, '='), name)) {
            return percent_decode(value, decoded);
        }
    }
    return none;
}

// The protocol that is spoken is no token, whatever the prefix.
static struct http_text find_in_subprotocols(const struct wshub_request *request, const char *prefix) {
    size_t length = strlen(prefix);
    for (size_t i = 0; i < request->subprotocol_count; i++) {
        struct http_text element = text_of(request->subprotocols[i]);
        bool is_protocol = element.length == request->protocol.length &&
                           memcmp(element.data, request->protocol.data, element.length) == 0;
        if (!is_protocol && element.length >= length && memcmp(element.data, prefix, length) == 0) {
            return (struct http_text){element.data + length, element.length - length};
        }
    }
    return none;
}

// RFC 6265 section 4.1.1: a value may stand in quotes. Names are case-sensitive.
static struct http_text find_in_cookies(const struct wshub_request *request, const char *name) {
    for (size_t i = 0; i < request->cookie_count; i++) {
        if (http_text_is(text_of(request->cookies[i].name), name)) {
            struct http_text value = text_of(request->cookies[i].value);
            bool quoted = value.length >= 2 && value.data[0] == '"' && value.data[value.length - 1] == '"';
            return quoted ? (struct http_text){value.data + 1, value.length - 2} : value;
        }
    }
    return none;
}

static bool set_token(struct wshub_request *request, struct http_text token, enum wshub_token_source source) {
    if (token.length > 0) {
        request->token = bytes_of(token);
        request->token_source = source;
    }
    return token.length > 0;
}

static bool is_on(const char *place) {
    return place && place[0] != '\0';
}

void credentials_find(struct wshub_request *request, const struct config *config, char *decoded) {
    const char *query = config->credentials.query, *prefix = config->credentials.subprotocol,
               *cookie = config->credentials.cookie;
    bool found =
        set_token(request, find_in_header(request), WSHUB_TOKEN_HEADER) ||
        (is_on(query) && set_token(request, find_in_query(request, query, decoded), WSHUB_TOKEN_QUERY)) ||
        (is_on(prefix) &&
         set_token(request, find_in_subprotocols(request, prefix), WSHUB_TOKEN_SUBPROTOCOL)) ||
        (is_on(cookie) && set_token(request, find_in_cookies(request, cookie), WSHUB_TOKEN_COOKIE));
    (void)found;
}
