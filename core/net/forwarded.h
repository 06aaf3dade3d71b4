// SPDX-License-Identifier: MIT
// X-Forwarded-For: where a request came from before it came to a proxy. Pure.
#pragma once

#include <netinet/in.h>

struct http_request;
struct networks;

// Who the client is, as far as the word of trusted proxies goes. `peer` (as address_ip gives it) is who has
// connected: the client itself, unless it is trusted. Then the list is walked from its end, where the proxy
// next to us has written who came to it, as long as that one is trusted too; what cannot be read ends the
// walk, and the last one that could is the client. Several headers are one list, in their order.
struct in6_addr forwarded_client(const struct http_request *request, const struct networks *trusted,
                                 struct in6_addr peer);
