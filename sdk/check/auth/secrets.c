// SPDX-License-Identifier: MIT
#include "auth/secrets.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/inquiry.h"

enum {
    KEPT = 128, // the oldest go
    PART = 16,  // bytes in a row that are no chance
    HEAD = 512, // of a long one, its beginning
};

const char *const secret_names[] = {
    [SECRET_TOKEN] = "the token",
    [SECRET_COOKIE] = "a cookie",
    [SECRET_HEADER] = "the header Authorization",
    [SECRET_SENT] = "what the client has sent",
};

struct secret {
    enum secret_kind kind;
    size_t length;
    char *bytes; // NULL: none is kept here yet
};

static bool is_kept(const struct secrets *secrets, enum secret_kind kind, struct wshub_bytes bytes) {
    for (size_t i = 0; i < KEPT; i++) {
        const struct secret *secret = &secrets->items[i];
        if (secret->bytes && secret->kind == kind && secret->length == bytes.length &&
            memcmp(secret->bytes, bytes.data, bytes.length) == 0) {
            return true;
        }
    }
    return false;
}

static bool add(struct secrets *secrets, enum secret_kind kind, struct wshub_bytes bytes) {
    bytes.length = bytes.length < HEAD ? bytes.length : HEAD;
    if (bytes.length < PART || is_kept(secrets, kind, bytes)) {
        return true;
    }
    char *copy = malloc(bytes.length);
    if (!copy) {
        return false;
    }
    struct secret *secret = &secrets->items[secrets->next++ % KEPT];
    free(secret->bytes);
    memcpy(copy, bytes.data, bytes.length);
    *secret = (struct secret){kind, bytes.length, copy};
    return true;
}

// ---- of a request ----

static enum secret_kind kind_of(struct wshub_bytes name) {
    static const struct {
        const char *name;
        enum secret_kind kind;
    } headers[] = {
        {"authorization", SECRET_HEADER},
        {"proxy-authorization", SECRET_HEADER},
        {"cookie", SECRET_COOKIE},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        if (name.length == strlen(headers[i].name) && memcmp(name.data, headers[i].name, name.length) == 0) {
            return headers[i].kind;
        }
    }
    return SECRET_SENT;
}

enum { HEADERS = 16 }; // of a thousand, the first

static bool add_request(struct secrets *secrets, const struct wshub_request *request) {
    bool ok = add(secrets, SECRET_TOKEN, request->token) && add(secrets, SECRET_SENT, request->path) &&
              add(secrets, SECRET_SENT, request->query);
    for (uint64_t i = 0; ok && i < request->header_count && i < HEADERS; i++) {
        ok = add(secrets, kind_of(request->headers[i].name), request->headers[i].value);
    }
    for (uint64_t i = 0; ok && i < request->cookie_count && i < HEADERS; i++) {
        ok = add(secrets, SECRET_COOKIE, request->cookies[i].value);
    }
    return ok;
}

bool secrets_init(struct secrets *secrets) {
    *secrets = (struct secrets){.items = calloc(KEPT, sizeof *secrets->items)};
    return secrets->items && pthread_mutex_init(&secrets->lock, NULL) == 0;
}

bool secrets_add(struct secrets *secrets, const struct inquiry *inquiry) {
    if (inquiry->secret) {
        return true;
    }
    pthread_mutex_lock(&secrets->lock);
    bool ok = add_request(secrets, &inquiry->request);
    pthread_mutex_unlock(&secrets->lock);
    return ok;
}

// ---- looking ----

static bool has_part(struct wshub_bytes text, const struct secret *secret) {
    const char *at = text.data;
    for (size_t i = 0; i + PART <= text.length; i++) {
        if (memmem(secret->bytes, secret->length, at + i, PART)) {
            return true;
        }
    }
    return false;
}

const char *secrets_find(struct secrets *secrets, struct wshub_bytes text, unsigned kinds) {
    const char *found = NULL;
    if (!secrets->items || text.length < PART) {
        return NULL;
    }
    pthread_mutex_lock(&secrets->lock);
    for (size_t i = 0; i < KEPT && !found; i++) {
        const struct secret *secret = &secrets->items[i];
        if (secret->bytes && kinds & 1u << secret->kind && has_part(text, secret)) {
            found = secret_names[secret->kind];
        }
    }
    pthread_mutex_unlock(&secrets->lock);
    return found;
}

void secrets_free(struct secrets *secrets) {
    for (size_t i = 0; secrets->items && i < KEPT; i++) {
        free(secrets->items[i].bytes);
    }
    free(secrets->items);
    *secrets = (struct secrets){0};
}
