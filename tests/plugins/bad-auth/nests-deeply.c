/* SPDX-License-Identifier: MIT
 * Goes as deep as a token's brackets. */
#include "base.h"

static volatile unsigned deepest;

static __attribute__((noinline)) unsigned depth_of(const char *at, const char *end) {
    volatile char frame[128] = {0};
    unsigned depth = at < end && *at == '[' ? depth_of(at + 1, end) + 1 : 0;
    return depth + (unsigned)frame[depth % sizeof frame];
}

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    const char *text = request->token.data;
    deepest = request->token.length > 0 ? depth_of(text, text + request->token.length) : 0;
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
