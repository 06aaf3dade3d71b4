/* SPDX-License-Identifier: MIT
 * Explains its decision with the path. */
#include <stdio.h>

#include "base.h"

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    struct instance *instance = self;
    char line[256];
    snprintf(line, sizeof line, "nobody may see %.*s", (int)(request->path.length & 127),
             request->path.length ? (const char *)request->path.data : "");
    instance->host->explain(instance->host->self, token, line);
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
