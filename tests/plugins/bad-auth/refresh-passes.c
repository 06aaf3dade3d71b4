/* SPDX-License-Identifier: MIT
 * Leaves a refresh to the next plugin. */
#include "base.h"

static int refresh(void *self, const struct wshub_request *request, wshub_token token) {
    return request->token.length == 0 ? WSHUB_PASS : base_refresh(self, request, token);
}

BAD(base_auth.refresh = refresh)
