/* SPDX-License-Identifier: MIT
 * Looks at the first letter of a token that has none. */
#include "base.h"

static volatile char first;

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    first = *(const volatile char *)request->token.data;
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
