/* SPDX-License-Identifier: MIT
 * Writes into what it was lent. */
#include "base.h"

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    if (request->path.length > 0) {
        *(volatile char *)(uintptr_t)request->path.data = '/';
    }
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
