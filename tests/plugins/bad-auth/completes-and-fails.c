/* SPDX-License-Identifier: MIT
 * Completes the token, and returns an error too. */
#include "base.h"

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    struct instance *instance = self;
    if (request->token.length == 0) {
        instance->host->complete(instance->host->self, token, WSHUB_PASS);
        return WSHUB_PASS;
    }
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
