/* SPDX-License-Identifier: MIT
 * Waits in its slot. */
#include "base.h"

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    static unsigned count;
    if (++count % 100 == 0) {
        base_sleep(60);
    }
    return base_authenticate(self, request, token);
}

BAD(base_auth.authenticate = authenticate)
