/* SPDX-License-Identifier: MIT
 * Takes its time with long tokens. */
#include "base.h"

static volatile unsigned sum;

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    const unsigned char *at = request->token.data;
    for (size_t i = 0; i < request->token.length; i++) {
        for (size_t round = 0; round < 40; round++) {
            sum += at[i] ^ (unsigned)round;
        }
    }
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
