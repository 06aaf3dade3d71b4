// SPDX-License-Identifier: MIT
#include "auth/query.h"

#include <stdlib.h>
#include <string.h>

#include "auth/credentials.h"
#include "auth/identity.h"
#include "net/http.h"

// ---- the copy: arrays first, then text, in the memory behind the query ----

struct room {
    char *at;
};

static struct wshub_bytes put(struct room *room, const void *data, size_t length) {
    struct wshub_bytes bytes = {room->at, length};
    if (length > 0) {
        memcpy(room->at, data, length);
    }
    room->at += length;
    return bytes;
}

static struct wshub_bytes put_text(struct room *room, const char *text) {
    return put(room, text, strlen(text));
}

static struct auth_query *query_new(enum auth_question question, size_t size) {
    struct auth_query *query = calloc(1, sizeof *query + size);
    if (query) {
        query->question = question;
        query->size = size;
        query->bytes = (char *)(query + 1);
    }
    return query;
}

static size_t client_size(const struct query_client *client) {
    return strlen(client->connection_id) + strlen(client->protocol) + strlen(client->address);
}

static void put_client(struct wshub_request *request, const struct query_client *client, struct room *room) {
    request->struct_size = sizeof *request;
    request->connection_id = put_text(room, client->connection_id);
    request->protocol = put_text(room, client->protocol);
    request->address = put_text(room, client->address);
}

// ---- of a handshake ----

struct shape { // of the copy
    size_t headers, cookies, subprotocols, text;
};

static bool is_cookie(const struct http_header *header) {
    return http_text_is_nocase(header->name, "cookie");
}

static bool is_subprotocol(const struct http_header *header) {
    return http_text_is_nocase(header->name, "sec-websocket-protocol");
}

// What a browser adds by itself: cookies, and the password or ticket that it has for the site. Of a page that
// nobody has allowed by name they are its user's, who did not ask for this connection.
static bool is_added(const struct http_header *header) {
    return is_cookie(header) || (http_text_is_nocase(header->name, "authorization") &&
                                 credentials_bearer(header->value).length == 0);
}

static bool is_kept(const struct http_header *header, bool ambient) {
    return ambient || !is_added(header);
}

static struct shape measure(const struct http_request *request, bool ambient) {
    struct shape shape = {.text = strlen(request->method) + request->path.length + 2 * request->query.length};
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (!is_kept(header, ambient)) {
            continue;
        }
        shape.headers++;
        shape.text += header->name.length + header->value.length;
        if (is_cookie(header)) {
            shape.cookies +=
                credentials_split_cookies(header->value, QUERY_COOKIES_MAX - shape.cookies, NULL);
        } else if (is_subprotocol(header)) {
            shape.subprotocols +=
                credentials_split_list(header->value, QUERY_SUBPROTOCOLS_MAX - shape.subprotocols, NULL);
        }
    }
    return shape;
}

static struct wshub_bytes put_lower(struct room *room, struct http_text text) {
    struct wshub_bytes bytes = put(room, text.data, text.length);
    for (char *c = room->at - text.length; c < room->at; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    return bytes;
}

static void put_headers(struct wshub_request *request, struct wshub_pair *headers, struct wshub_pair *cookies,
                        struct wshub_bytes *subprotocols, const struct http_request *theirs, bool ambient,
                        struct room *room) {
    request->headers = headers;
    request->cookies = cookies;
    request->subprotocols = subprotocols;
    for (size_t i = 0; i < theirs->header_count; i++) {
        const struct http_header *header = &theirs->headers[i];
        if (!is_kept(header, ambient)) {
            continue;
        }
        struct wshub_pair *pair = &headers[request->header_count++];
        pair->name = put_lower(room, header->name);
        pair->value = put(room, header->value.data, header->value.length);
        struct http_text value = {pair->value.data, pair->value.length};
        if (is_cookie(header)) {
            request->cookie_count += credentials_split_cookies(
                value, QUERY_COOKIES_MAX - request->cookie_count, cookies + request->cookie_count);
        } else if (is_subprotocol(header)) {
            request->subprotocol_count +=
                credentials_split_list(value, QUERY_SUBPROTOCOLS_MAX - request->subprotocol_count,
                                       subprotocols + request->subprotocol_count);
        }
    }
}

struct auth_query *query_connect(const struct http_request *request, const struct config *config,
                                 bool ambient, const struct query_client *client) {
    struct shape shape = measure(request, ambient);
    size_t pairs = (shape.headers + shape.cookies) * sizeof(struct wshub_pair);
    size_t arrays = pairs + shape.subprotocols * sizeof(struct wshub_bytes);
    struct auth_query *query = query_new(AUTH_CONNECT, arrays + shape.text + client_size(client));
    if (!query) {
        return NULL;
    }
    struct wshub_pair *headers = (struct wshub_pair *)(void *)query->bytes;
    struct room room = {query->bytes + arrays};
    struct wshub_request *copy = &query->request;
    put_client(copy, client, &room);
    copy->method = put_text(&room, request->method);
    copy->path = put(&room, request->path.data, request->path.length);
    copy->query = put(&room, request->query.data, request->query.length);
    put_headers(copy, headers, headers + shape.headers,
                (struct wshub_bytes *)(void *)(headers + shape.headers + shape.cookies), request, ambient,
                &room);
    credentials_find(copy, config, room.at);
    return query;
}

// ---- of a message ----

static void drop_token(struct auth_query *query) {
    if (query->token) {
        explicit_bzero(query->token, query->request.token.length);
        free(query->token);
    }
    query->token = NULL;
    query->request.token = (struct wshub_bytes){0};
    query->request.token_source = WSHUB_TOKEN_NONE;
}

bool query_set_token(struct auth_query *query, struct span token) {
    char *copy = token.length > 0 ? malloc(token.length) : NULL;
    if (!copy && token.length > 0) {
        return false;
    }
    drop_token(query);
    if (copy) {
        memcpy(copy, token.data, token.length);
        query->token = copy;
        query->request.token = (struct wshub_bytes){copy, token.length};
        query->request.token_source = WSHUB_TOKEN_MESSAGE;
    }
    return true;
}

struct auth_query *query_refresh(struct identity *identity, unsigned plugin, struct span token,
                                 const struct query_client *client) {
    struct auth_query *query = query_new(AUTH_REFRESH, client_size(client));
    if (!query) {
        return NULL;
    }
    struct room room = {query->bytes};
    put_client(&query->request, client, &room);
    if (!query_set_token(query, token)) {
        query_free(query);
        return NULL;
    }
    identity_ref(identity);
    query->identity = identity;
    query->plugin = plugin;
    return query;
}

static struct wshub_bytes bytes_of(struct span span) {
    return (struct wshub_bytes){span.data, span.length};
}

struct auth_query *query_operation(struct identity *identity, unsigned plugin, enum wshub_verb verb,
                                   struct span name, struct span data, const struct query_client *client) {
    size_t size = name.length + data.length + strlen(client->connection_id);
    struct auth_query *query = query_new(AUTH_OPERATION, size);
    if (!query) {
        return NULL;
    }
    struct room room = {query->bytes};
    identity_ref(identity);
    query->identity = identity;
    query->plugin = plugin;
    query->operation = (struct wshub_operation){
        .struct_size = sizeof query->operation,
        .verb = verb,
        .name = put(&room, name.data, name.length),
        .user = bytes_of(identity_user(identity)),
        .token_id = bytes_of(identity_token_id(identity)),
        .connection_id = put_text(&room, client->connection_id),
        .data = put(&room, data.data, data.length),
    };
    return query;
}

void query_free(struct auth_query *query) {
    if (!query) {
        return;
    }
    drop_token(query);
    identity_unref(query->identity);
    explicit_bzero(query->bytes, query->size);
    free(query);
}
