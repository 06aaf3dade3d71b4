/* SPDX-License-Identifier: MIT
 * Logs the cookies that it gets. */
#include <stdio.h>

#include "base.h"

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    for (uint64_t i = 0; i < request->cookie_count; i++) {
        char line[256];
        snprintf(line, sizeof line, "a cookie: %.*s", (int)(request->cookies[i].value.length & 127),
                 request->cookies[i].value.length ? (const char *)request->cookies[i].value.data : "");
        base_log(self, line);
    }
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
