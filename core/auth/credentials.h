// SPDX-License-Identifier: MIT
// Where an opening handshake carries a token, and how its cookies and subprotocols are taken apart. Pure:
// nothing is allocated, results point into what was given.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/http.h"
#include "wshub/auth.h"

struct config;

// The pairs of a Cookie header (RFC 6265 sections 4.2.1 and 5.4), values as sent; parts without a name or
// without `=` are left out. Writes the first `most` of them to `out`, unless that is NULL. How many those
// are.
size_t credentials_split_cookies(struct http_text header, size_t most, struct wshub_pair *out);
// The elements of a list (RFC 9110 section 5.6.1), without the empty ones. As above.
size_t credentials_split_list(struct http_text header, size_t most, struct wshub_bytes *out);

// What stands behind `Bearer` in such a header; empty: nothing, more than a token, or another scheme.
struct http_text credentials_bearer(struct http_text authorization);

// Finds the token of a request whose other fields are filled in, and sets token and token_source. The order
// is Authorization, query, subprotocol, cookie: the first place that has one. In each the first candidate
// alone counts, and of an Authorization header there must be exactly one; an empty or malformed one is no
// token. `decoded` has room for what the query decodes to: request->query.length bytes.
void credentials_find(struct wshub_request *request, const struct config *config, char *decoded);
