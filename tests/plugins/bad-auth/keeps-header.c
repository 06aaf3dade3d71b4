/* SPDX-License-Identifier: MIT
 * Looks at a header once more, when its slot has returned. */
#include "base.h"

static const struct wshub_pair *kept;
static volatile unsigned char looked_at;

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    kept = request->header_count > 0 ? request->headers : NULL;
    return base_authenticate(self, request, token);
}

static int decide(struct instance *instance, struct work *work) {
    if (kept) {
        looked_at = *(const volatile unsigned char *)kept;
    }
    return base_decide(instance, work);
}

BAD((base_auth.authenticate = authenticate, ways.decide = decide))
