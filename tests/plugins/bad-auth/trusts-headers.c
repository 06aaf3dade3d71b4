/* SPDX-License-Identifier: MIT
 * Believes a header that any client can send. */
#include "base.h"

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    struct instance *instance = self;
    struct work work = {.token = token};
    for (uint64_t i = 0; i < request->header_count; i++) {
        if (base_is(request->headers[i].name, "x-user")) {
            int status = base_identify(instance, &work, table_next(instance, NULL));
            instance->host->complete(instance->host->self, token, status);
            return WSHUB_OK;
        }
    }
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
