/* SPDX-License-Identifier: MIT
 * Has room for a hundred headers. */
#include "base.h"

static volatile size_t last;

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    volatile size_t lengths[100];
    for (volatile uint64_t i = 0; i < request->header_count; i++) {
        lengths[i] = request->headers[i].value.length;
    }
    last = lengths[99];
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
