/* SPDX-License-Identifier: MIT
 * Looks at the token when its slot has returned. */
#include <stdlib.h>

#include "base.h"

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    struct instance *instance = self;
    struct work *work = calloc(1, sizeof *work);
    if (!work) {
        return WSHUB_NO_MEMORY;
    }
    work->instance = instance;
    work->fd = -1;
    work->token = token;
    work->shown = request->token;
    base_queue(instance, work);
    return WSHUB_OK;
}

BAD(base_auth.authenticate = authenticate)
