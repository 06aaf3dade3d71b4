// SPDX-License-Identifier: MIT
// Who may use the server API: whoever has one of `api.keys`. Pure.
#pragma once

#include <stdbool.h>

struct config;
struct http_request;

// The request shows one of the keys as `Authorization: Bearer KEY` (RFC 6750 section 2.1). How long it takes
// tells nothing of the keys but how many and how long they are. *shown: it tried to.
bool keys_fit(const struct config *config, const struct http_request *request, bool *shown);
