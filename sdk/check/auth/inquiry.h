// SPDX-License-Identifier: MIT
// Something that an auth plugin is asked, and what it is expected to say. What an inquiry points to lives as
// long as the case.
#pragma once

#include "auth/requests.h"
#include "check.h"
#include "host/lend.h"
#include "host/tokens.h"

struct inquiry {
    enum operation slot; // authenticate, refresh or authorize
    const char *what;    // for people: "request 2 of the configuration", "a token of 4 MiB"
    enum expectation expect;
    const char *user;                 // of the identity; NULL: any
    struct wshub_request request;     // authenticate, refresh
    struct wshub_operation operation; // authorize
    bool secret; // the kit keeps no copy of what is in it, and so does not look for it in what is said
};

// What a browser sends with no token at all; `token` is shown where `source` says.
void inquiry_make(struct check *check, struct inquiry *inquiry, struct wshub_bytes token,
                  enum wshub_token_source source);
// Of the configuration's entry at `index`: of `requests`, or of `authorize`, and then as a request too.
void inquiry_read(struct check *check, struct inquiry *inquiry, const struct requests *from, size_t index);
// One header more, one cookie more.
void inquiry_add_header(struct check *check, struct inquiry *inquiry, struct wshub_bytes name,
                        struct wshub_bytes value);
void inquiry_add_cookie(struct check *check, struct inquiry *inquiry, struct wshub_bytes name,
                        struct wshub_bytes value);
// Whether there is anything in it that a client could be known by.
bool inquiry_has_credentials(const struct inquiry *inquiry);

// Copies that live as long as the case.
struct wshub_bytes inquiry_keep(struct check *check, const void *data, size_t length);

// ---- lending ----

// Bytes that a token and its request weigh.
size_t inquiry_bytes(const struct inquiry *inquiry);
size_t inquiry_pieces(const struct inquiry *inquiry);
// `beyond`: bytes of members that this kit does not know, for a host that is newer.
const struct wshub_request *inquiry_lend_request(const struct inquiry *inquiry, struct lent *lent,
                                                 size_t beyond);
const struct wshub_operation *inquiry_lend_operation(const struct inquiry *inquiry, struct lent *lent,
                                                     size_t beyond);
