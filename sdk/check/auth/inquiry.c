// SPDX-License-Identifier: MIT
#include "auth/inquiry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_priv.h"
#include "host/peer.h"

#define BYTES(text) \
    { text, sizeof text - 1 }

// ---- memory ----

struct wshub_bytes inquiry_keep(struct check *check, const void *data, size_t length) {
    struct name_kept *kept = malloc(sizeof *kept + length + 1);
    if (!kept) {
        check_fail(check, "the kit has no memory left");
    }
    memcpy(kept->text, length ? data : "", length);
    kept->text[length] = '\0';
    kept->next = check->names;
    check->names = kept;
    return (struct wshub_bytes){kept->text, length};
}

static struct wshub_bytes keep_text(struct check *check, const char *text) {
    return text ? inquiry_keep(check, text, strlen(text)) : (struct wshub_bytes){0};
}

// The list, one longer.
static const struct wshub_pair *add_pair(struct check *check, const struct wshub_pair *pairs, uint64_t count,
                                         struct wshub_bytes name, struct wshub_bytes value) {
    struct wshub_pair last = {name, value};
    size_t bytes = count * sizeof *pairs;
    struct wshub_pair *all = malloc(bytes + sizeof last);
    if (!all) {
        check_fail(check, "the kit has no memory left");
    }
    memcpy(all, count ? (const void *)pairs : "", bytes);
    all[count] = last;
    const struct wshub_pair *kept = inquiry_keep(check, all, bytes + sizeof last).data;
    free(all);
    return kept;
}

void inquiry_add_header(struct check *check, struct inquiry *inquiry, struct wshub_bytes name,
                        struct wshub_bytes value) {
    struct wshub_request *request = &inquiry->request;
    request->headers = add_pair(check, request->headers, request->header_count, name, value);
    request->header_count++;
}

void inquiry_add_cookie(struct check *check, struct inquiry *inquiry, struct wshub_bytes name,
                        struct wshub_bytes value) {
    struct wshub_request *request = &inquiry->request;
    request->cookies = add_pair(check, request->cookies, request->cookie_count, name, value);
    request->cookie_count++;
}

static void add_subprotocol(struct check *check, struct inquiry *inquiry, struct wshub_bytes name) {
    struct wshub_request *request = &inquiry->request;
    size_t bytes = request->subprotocol_count * sizeof name;
    struct wshub_bytes *all = malloc(bytes + sizeof name);
    if (!all) {
        check_fail(check, "the kit has no memory left");
    }
    memcpy(all, bytes ? (const void *)request->subprotocols : "", bytes);
    all[request->subprotocol_count++] = name;
    request->subprotocols = inquiry_keep(check, all, bytes + sizeof name).data;
    free(all);
}

// ---- what a client sends ----

static const struct wshub_pair usual[] = {
    {BYTES("host"), BYTES("localhost:8000")},
    {BYTES("connection"), BYTES("Upgrade")},
    {BYTES("upgrade"), BYTES("websocket")},
    {BYTES("sec-websocket-version"), BYTES("13")},
    {BYTES("sec-websocket-key"), BYTES("dGhlIHNhbXBsZSBub25jZQ==")},
};

static struct wshub_bytes join(struct check *check, const char *before, struct wshub_bytes token) {
    size_t length = strlen(before);
    char *text = malloc(length + token.length + 1);
    if (!text) {
        check_fail(check, "the kit has no memory left");
    }
    memcpy(text, before, length);
    memcpy(text + length, token.length ? token.data : "", token.length);
    struct wshub_bytes all = inquiry_keep(check, text, length + token.length);
    free(text);
    return all;
}

// Where a hub would have found it; in a message of the client protocol it is nowhere else.
static void show(struct check *check, struct inquiry *inquiry, struct wshub_bytes token,
                 enum wshub_token_source source) {
    struct wshub_request *request = &inquiry->request;
    switch (source) {
    case WSHUB_TOKEN_HEADER:
        inquiry_add_header(check, inquiry, (struct wshub_bytes)BYTES("authorization"),
                           join(check, "Bearer ", token));
        break;
    case WSHUB_TOKEN_QUERY:
        request->query = join(check, "token=", token);
        break;
    case WSHUB_TOKEN_COOKIE:
        inquiry_add_cookie(check, inquiry, (struct wshub_bytes)BYTES("token"), token);
        inquiry_add_header(check, inquiry, (struct wshub_bytes)BYTES("cookie"), join(check, "token=", token));
        break;
    case WSHUB_TOKEN_SUBPROTOCOL:
        add_subprotocol(check, inquiry, join(check, "wshub.token.", token));
        break;
    case WSHUB_TOKEN_NONE:
    case WSHUB_TOKEN_MESSAGE:
        break;
    }
    request->token = token;
    request->token_source = source;
}

void inquiry_make(struct check *check, struct inquiry *inquiry, struct wshub_bytes token,
                  enum wshub_token_source source) {
    static unsigned long count;
    char id[40];
    snprintf(id, sizeof id, "connection-%lu", ++count);
    *inquiry = (struct inquiry){
        .slot = OPERATION_AUTHENTICATE,
        .what = "a request",
        .expect = EXPECT_NEVER_YES,
        .request = {.struct_size = sizeof inquiry->request,
                    .method = BYTES("GET"),
                    .path = BYTES("/"),
                    .headers = usual,
                    .header_count = sizeof usual / sizeof *usual,
                    .address = BYTES("192.0.2.1"), // for documentation alone (RFC 5737)
                    .connection_id = keep_text(check, id),
                    .protocol = BYTES("wshub.json.v1")},
    };
    add_subprotocol(check, inquiry, inquiry->request.protocol);
    if (token.length > 0 || source != WSHUB_TOKEN_NONE) {
        show(check, inquiry, token, source);
    }
}

// ---- of the configuration ----

static void take(struct check *check, struct wshub_bytes *to, const char *text) {
    if (text) {
        *to = keep_text(check, text);
    }
}

static void add_pairs(struct check *check, struct inquiry *inquiry, const struct requests_pairs *pairs,
                      void (*add)(struct check *check, struct inquiry *inquiry, struct wshub_bytes name,
                                  struct wshub_bytes value)) {
    for (size_t i = 0; i < pairs->count; i++) {
        add(check, inquiry, keep_text(check, pairs->items[i].name), keep_text(check, pairs->items[i].value));
    }
}

// Names of headers come in lower case.
static void add_headers(struct check *check, struct inquiry *inquiry, const struct requests_pairs *headers) {
    for (size_t i = 0; i < headers->count; i++) {
        char name[128];
        size_t length = 0;
        for (; headers->items[i].name[length] && length < sizeof name - 1; length++) {
            char c = headers->items[i].name[length];
            name[length] = (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
        }
        inquiry_add_header(check, inquiry, inquiry_keep(check, name, length),
                           keep_text(check, headers->items[i].value));
    }
}

// RFC 6265 section 4.2.1.
static void add_cookie_header(struct check *check, struct inquiry *inquiry,
                              const struct requests_pairs *cookies) {
    struct buf line = {0};
    for (size_t i = 0; i < cookies->count; i++) {
        buf_printf(&line, "%s%s=%s", i == 0 ? "" : "; ", cookies->items[i].name, cookies->items[i].value);
    }
    if (line.length > 0) {
        inquiry_add_header(check, inquiry, (struct wshub_bytes)BYTES("cookie"),
                           inquiry_keep(check, line.data, line.length));
    }
    buf_free(&line);
}

void inquiry_read(struct check *check, struct inquiry *inquiry, const struct requests *from, size_t index) {
    const struct requests_entry *entry = &from->items[index];
    char what[64];
    struct wshub_request *request = &inquiry->request;
    inquiry_make(check, inquiry, keep_text(check, entry->token),
                 entry->token ? (enum wshub_token_source)entry->source : WSHUB_TOKEN_NONE);
    snprintf(what, sizeof what, "%s %zu of the configuration (line %d)",
             entry->verb ? "operation" : "request", index + 1, entry->line);
    inquiry->what = keep_text(check, what).data;
    inquiry->expect = (enum expectation)entry->expect;
    inquiry->user = entry->user ? keep_text(check, entry->user).data : NULL;
    take(check, &request->path, entry->path);
    take(check, &request->query, entry->query);
    take(check, &request->address, entry->address);
    take(check, &request->protocol, entry->protocol);
    add_headers(check, inquiry, &entry->headers);
    add_pairs(check, inquiry, &entry->cookies, inquiry_add_cookie);
    add_cookie_header(check, inquiry, &entry->cookies);
    for (size_t i = 0; i < entry->subprotocols.count; i++) {
        add_subprotocol(check, inquiry, keep_text(check, entry->subprotocols.items[i]));
    }
}

bool inquiry_has_credentials(const struct inquiry *inquiry) {
    const struct wshub_request *request = &inquiry->request;
    return request->token.length > 0 || request->cookie_count > 0 || request->query.length > 0 ||
           request->header_count > sizeof usual / sizeof *usual;
}

// ---- lending ----

static size_t pair_bytes(const struct wshub_pair *pairs, uint64_t count) {
    size_t bytes = count * sizeof *pairs;
    for (uint64_t i = 0; i < count; i++) {
        bytes += pairs[i].name.length + pairs[i].value.length;
    }
    return bytes;
}

enum { BEYOND_MAX = 64 };

size_t inquiry_bytes(const struct inquiry *inquiry) {
    const struct wshub_request *request = &inquiry->request;
    const struct wshub_operation *asked = &inquiry->operation;
    size_t bytes = sizeof *request + sizeof *asked + BEYOND_MAX + request->method.length +
                   request->path.length + request->query.length + request->address.length +
                   request->connection_id.length + request->protocol.length + request->token.length +
                   pair_bytes(request->headers, request->header_count) +
                   pair_bytes(request->cookies, request->cookie_count) + asked->name.length +
                   asked->user.length + asked->token_id.length + asked->connection_id.length +
                   asked->data.length;
    for (uint64_t i = 0; i < request->subprotocol_count; i++) {
        bytes += sizeof *request->subprotocols + request->subprotocols[i].length;
    }
    return bytes;
}

size_t inquiry_pieces(const struct inquiry *inquiry) {
    const struct wshub_request *request = &inquiry->request;
    return 16 + 2 * request->header_count + 2 * request->cookie_count + request->subprotocol_count;
}

// What is empty may be at NULL, as it is in a hub.
static struct wshub_bytes lend(struct lent *lent, struct wshub_bytes bytes) {
    return bytes.length > 0 ? lend_bytes(lent, bytes) : (struct wshub_bytes){0};
}

static const struct wshub_pair *lend_pairs(struct check *check, struct lent *lent,
                                           const struct wshub_pair *pairs, uint64_t count) {
    struct wshub_pair *copies = count > 0 ? malloc(count * sizeof *copies) : NULL;
    if (count > 0 && !copies) {
        check_fail(check, "the kit has no memory left");
    }
    for (uint64_t i = 0; i < count; i++) {
        copies[i] = (struct wshub_pair){lend(lent, pairs[i].name), lend(lent, pairs[i].value)};
    }
    const struct wshub_pair *lent_pairs = count > 0 ? lend_copy(lent, copies, count * sizeof *copies) : NULL;
    free(copies);
    return lent_pairs;
}

static const struct wshub_bytes *lend_list(struct check *check, struct lent *lent,
                                           const struct wshub_bytes *list, uint64_t count) {
    struct wshub_bytes *copies = count > 0 ? malloc(count * sizeof *copies) : NULL;
    if (count > 0 && !copies) {
        check_fail(check, "the kit has no memory left");
    }
    for (uint64_t i = 0; i < count; i++) {
        copies[i] = lend(lent, list[i]);
    }
    const struct wshub_bytes *all = count > 0 ? lend_copy(lent, copies, count * sizeof *copies) : NULL;
    free(copies);
    return all;
}

// A struct stands last: what is lent strictly ends with it, so that reading beyond its end is found out.
static const void *lend_struct(struct lent *lent, const void *known, size_t size, size_t beyond) {
    unsigned char whole[256 + BEYOND_MAX];
    uint32_t all = (uint32_t)(size + beyond);
    memset(whole, 0xA5, sizeof whole);
    memcpy(whole, known, size);
    memcpy(whole, &all, sizeof all); // struct_size
    return lend_copy(lent, whole, all);
}
_Static_assert(sizeof(struct wshub_request) <= 256 && sizeof(struct wshub_operation) <= 256, "room");

const struct wshub_request *inquiry_lend_request(const struct inquiry *inquiry, struct lent *lent,
                                                 size_t beyond) {
    struct check *check = check_running();
    struct wshub_request copy = inquiry->request;
    copy.method = lend(lent, copy.method);
    copy.path = lend(lent, copy.path);
    copy.query = lend(lent, copy.query);
    copy.address = lend(lent, copy.address);
    copy.connection_id = lend(lent, copy.connection_id);
    copy.protocol = lend(lent, copy.protocol);
    copy.token = lend(lent, copy.token);
    copy.headers = lend_pairs(check, lent, copy.headers, copy.header_count);
    copy.cookies = lend_pairs(check, lent, copy.cookies, copy.cookie_count);
    copy.subprotocols = lend_list(check, lent, copy.subprotocols, copy.subprotocol_count);
    return lend_struct(lent, &copy, sizeof copy, beyond);
}

const struct wshub_operation *inquiry_lend_operation(const struct inquiry *inquiry, struct lent *lent,
                                                     size_t beyond) {
    struct wshub_operation copy = inquiry->operation;
    copy.name = lend(lent, copy.name);
    copy.user = lend(lent, copy.user);
    copy.token_id = lend(lent, copy.token_id);
    copy.connection_id = lend(lent, copy.connection_id);
    copy.data = lend(lent, copy.data);
    return lend_struct(lent, &copy, sizeof copy, beyond);
}
