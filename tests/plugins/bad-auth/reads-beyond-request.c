/* SPDX-License-Identifier: MIT
 * Takes a request to be larger than it is. */
#include "base.h"

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    volatile unsigned char beyond = *((const unsigned char *)request + request->struct_size);
    (void)beyond;
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
